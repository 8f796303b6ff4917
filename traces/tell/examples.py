"""What a user may type, by command: shown below the options, and tried by tests."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "explore": (
        "tsofence explore --scenario tso-restart --all-fences",
        "tsofence explore --scenario mine.toml --fence save-cas --property unique",
        "tsofence explore --find 'pd1.able_to_grant and tso1.able_to_grant'",
    ),
    "prove": (
        "tsofence prove --fence save-cas --property unique",
        (
            "tsofence prove --fence check-tso-primary --property single-writer \\\n"
            "    --assume service-mode-only --details"
        ),
        "tsofence prove --fence save-cas --property unique --certify proof",
    ),
    "verify": ("tsofence verify proof", "tsofence verify proof --solver z3"),
    "replay": (
        "tsofence replay recorded",
        "tsofence replay etcd.jsonl pd*.log tso*.log --build release-8.5",
        "tsofence replay recorded --to html -o incident.html",
    ),
    "record": (
        "tsofence record --pd http://10.0.1.5:2379 -o recorded",
        (
            "tsofence record --pd https://pd-0:2379 --pd https://pd-1:2379 -o recorded \\\n"
            "    --cacert ca.pem --cert client.pem --key client-key.pem \\\n"
            "    --log /var/log/pd/pd.log"
        ),
        "tsofence replay recorded",
    ),
    "watch": (
        "tsofence watch --pd http://10.0.1.5:2379",
        (
            "tsofence watch --pd https://pd-0:2379 --cacert ca.pem \\\n"
            "    --cert client.pem --key client-key.pem --log /var/log/pd/pd.log \\\n"
            "    --build release-8.5 --metrics 9105 -o recorded"
        ),
    ),
    "show": (
        "tsofence show last unique",
        "tsofence show last off.unique --to html -o run.html",
        "tsofence show found/off.unique.json --to mermaid",
    ),
    "step": (
        "tsofence step",
        "tsofence step tso-restart --fence check-tso-primary",
        "tsofence step found/off.unique.json",
    ),
    "export": (
        "tsofence export -o Upgrade.tla",
        (
            "tsofence export --scenario tso-restart --build release-8.5 \\\n"
            "    --fence save-cas -o Restart.tla"
        ),
        "java -jar tla2tools.jar -config Upgrade.cfg Upgrade.tla",
    ),
    "list": (
        "tsofence list",
        "tsofence list scenario rolling-upgrade > mine.toml",
        "tsofence list schema explore > explore.schema.json",
    ),
    "tsofence": (
        "tsofence explore",
        "tsofence show last off.unique",
        "tsofence replay recorded --to html -o incident.html",
    ),
}


def examples(command: str) -> str:
    """The examples of a command as its help has them, each on lines of its own."""
    lines = "\n".join(line for each in EXAMPLES[command] for line in each.split("\n"))
    indented = "\n".join(f"  {line}" for line in lines.split("\n"))
    return f"\b\nExamples:\n{indented}"
