"""An exposure check for machines: SARIF for code scanning, JUnit for test reports."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from xml.etree import ElementTree

from opskit import __version__
from opskit.checks.exposure import Exposure
from opskit.checks.rules import Finding, Rule

__all__ = ["as_json", "as_junit", "as_sarif"]

_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
# What code scanning sorts by: the ranges of CVSS
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "3.0", "info": "0.0"}


def as_sarif(exposure: Exposure) -> str:
    """SARIF 2.1.0, as GitHub's code scanning and others read it."""
    places = {rule: place for place, rule in enumerate(exposure.rules)}
    run = {
        "tool": {
            "driver": {
                "name": "opskit",
                "version": __version__,
                "informationUri": "https://docs.docker.com/engine/security/",
                "rules": [_sarif_rule(rule) for rule in exposure.rules],
            }
        },
        "automationDetails": {"id": "opskit/doctor-security/"},
        "results": [_sarif_result(exposure, f, places[f.rule]) for f in exposure.findings],
        "properties": {"engine": exposure.engine, "containers": exposure.containers},
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2) + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    tags = ["security", *([f"CIS-Docker-1.6.0-{rule.cis}"] if rule.cis else [])]
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"security-severity": _SCORES[rule.severity], "tags": tags},
    }


def _sarif_result(exposure: Exposure, finding: Finding, place: int) -> dict[str, Any]:
    owner = f"containers/{finding.subject}" if finding.id else "engine"
    key = f"{finding.rule.name}\0{finding.subject}\0{finding.evidence}"
    return {
        "ruleId": finding.rule.name,
        "ruleIndex": place,
        "level": _LEVELS[finding.rule.severity],
        "message": {"text": f"{_who(finding)} {finding.rule.title}: {finding.evidence}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": owner}},
                "logicalLocations": [
                    {
                        "name": finding.subject,
                        "fullyQualifiedName": f"{exposure.engine}/{owner}",
                        "kind": "resource",
                    }
                ],
            }
        ],
        "partialFingerprints": {"exposure/v1": hashlib.sha256(key.encode()).hexdigest()},
    }


def _who(finding: Finding) -> str:
    return f"container {finding.subject}" if finding.id else "engine:"


def as_junit(exposure: Exposure) -> str:
    """JUnit XML: a test case for each rule, failed where it found something."""
    by_rule: dict[Rule, list[Finding]] = {}
    for finding in exposure.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    suite = ElementTree.Element(
        "testsuite",
        name=f"exposure of {exposure.engine}",
        tests=str(len(exposure.rules)),
        failures=str(len(by_rule)),
        errors="0",
        skipped="0",
    )
    for rule in exposure.rules:
        kind = "container" if rule.name.startswith("container-") else "engine"
        number = f" (CIS {rule.cis})" if rule.cis else ""
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"opskit.exposure.{kind}", name=f"{rule.name}{number}"
        )
        if found := by_rule.get(rule):
            lines = [f"{f.subject}: {f.evidence}" for f in found]
            failure = ElementTree.SubElement(
                case, "failure", type=rule.severity, message=f"{rule.severity}: {rule.title}"
            )
            failure.text = "\n".join([*lines, f"-> {rule.remedy}"])
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)
    return _printable(text) + "\n"


def _printable(text: str) -> str:
    """Without the control characters that XML has no way to write."""
    return "".join(c for c in text if c in "\t\n\r" or ord(c) >= 32)


def as_json(exposure: Exposure) -> str:
    """A JSON document with what the frame of `Engine.exposure` has."""
    rows = [
        {
            "severity": f.rule.severity,
            "subject": f.subject,
            "rule": f.rule.name,
            "title": f.rule.title,
            "evidence": f.evidence,
            "remedy": f.rule.remedy,
            "cis": f.rule.cis or None,
            "id": f.id or None,
        }
        for f in exposure.findings
    ]
    about = {"engine": exposure.engine, "containers": exposure.containers}
    return json.dumps({**about, "findings": rows}, indent=2) + "\n"
