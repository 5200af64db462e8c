#!/usr/bin/env python3
"""For scripts/store_explain.sh.

store_plans.py collect PATHS.sql RESULT CLIENT...   runs each path with a client program, writes plans and sizes as JSON
store_plans.py report PATHS.sql DOCUMENT RESULT...  writes them into the document between its marks ('' for none), and
                                                    ends with 1 when a path does not use the keys it names
RESULT is without its .json in report.
"""

import json
import re
import subprocess
import sys

BEGIN, END = "<!-- Written by scripts/store_explain.sh. -->", "<!-- End of what scripts/store_explain.sh wrote. -->"
TABLES = ["message", "conversation", "read_cursor", "message_tag", "message_dedup"]


def read_paths(file_name):
    with open(file_name, encoding="utf-8") as file:
        blocks = re.split(r"\n\n+", file.read().strip())
    paths = []
    for block in blocks:
        head, _, statement = block.partition("\n")
        if head.count("|") != 2:
            continue  # the comment at the top
        name, keys, purpose = (part.strip() for part in head.removeprefix("--").split("|"))
        paths.append({"name": name, "keys": [key.strip() for key in keys.split(",")], "purpose": purpose,
                      "sql": statement.strip()})
    return paths


class Client:
    def __init__(self, command):
        self.command = command

    def lines(self, script):
        """All lines of a script's results, headings included, as lists of fields."""
        done = subprocess.run(self.command, input=script.encode(), check=True, stdout=subprocess.PIPE)
        return [line.split("\t") for line in done.stdout.decode(errors="replace").split("\n")[:-1]]

    def rows(self, statement):
        lines = self.lines(statement)
        return [dict(zip(lines[0], line)) for line in lines[1:]] if lines else []


def sample(client):
    """Values for the paths, of the busiest account."""
    message = client.rows(
        "SELECT bucket, account_key, conversation, sent_at, msg_id, owner_table, HEX(owner_key) AS owner_key, client_id "
        "FROM message WHERE account_type = 1 AND conversation = 'im:100000:0' AND client_id IS NOT NULL "
        "ORDER BY sent_at LIMIT 1 OFFSET 100")[0]
    of_account = f"WHERE bucket = {message['bucket']} AND account_type = 1 AND account_key = '{message['account_key']}'"
    cursor = client.rows("SELECT read_sent_at, read_msg_id FROM read_cursor "
                         f"{of_account} AND conversation = '{message['conversation']}'")[0]
    page = client.rows("SELECT last_sent_at AS page_sent_at, last_msg_id AS page_msg_id FROM conversation "
                       f"{of_account} ORDER BY last_sent_at DESC, last_msg_id DESC LIMIT 1 OFFSET 19")[0]
    values = {**message, **cursor, **page, "account": message["account_key"], "tag": "star"}
    for name in ("account", "conversation", "sent_at", "client_id", "tag", "read_sent_at", "page_sent_at"):
        values[name] = f"'{values[name]}'"
    values["owner_key"] = f"x'{values['owner_key']}'"
    return values


def fill_in(sql, values):
    return re.sub(r"\{(\w+)\}", lambda match: values[match.group(1)], sql)


def collect(paths_file, result, command):
    client = Client(command)
    values = sample(client)
    version = client.rows("SELECT VERSION() AS v")[0]["v"]
    explain = "EXPLAIN " if "MariaDB" in version else "EXPLAIN FORMAT=TRADITIONAL "
    plans = []
    for path in read_paths(paths_file):
        sql = fill_in(path["sql"], values)
        steps = [{"table": step["table"], "type": step["type"], "key": step["key"], "rows": int(step["rows"]),
                  "extra": step["Extra"] if step["Extra"] != "NULL" else ""} for step in client.rows(explain + sql)]
        lines = client.lines(f"FLUSH STATUS; {sql}; SHOW SESSION STATUS LIKE 'Handler_read%';")
        at = max(i for i, line in enumerate(lines) if line[:2] == ["Variable_name", "Value"])
        read = sum(int(line[1]) for line in lines[at + 1:] if line[0] in (
            "Handler_read_key", "Handler_read_next", "Handler_read_prev", "Handler_read_first", "Handler_read_last",
            "Handler_read_rnd", "Handler_read_rnd_next"))
        plans.append({"name": path["name"], "steps": steps, "returned": max(0, at - 1), "read": read})
    sizes = client.rows(
        "SELECT s.table_name AS t, s.index_name AS k, s.stat_value * @@innodb_page_size AS bytes, "
        "(SELECT n_rows FROM mysql.innodb_table_stats i WHERE i.database_name = s.database_name AND "
        "i.table_name = s.table_name) AS n FROM mysql.innodb_index_stats s "
        "WHERE s.database_name = 'store_0' AND s.stat_name = 'size'")
    counts = {table: int(client.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]) for table in TABLES}
    with open(result, "w", encoding="utf-8") as file:
        json.dump({"version": version, "plans": plans, "counts": counts,
                   "sizes": {f"{row['t']}.{row['k']}": int(row["bytes"]) for row in sizes}}, file)


def server_name(version):
    return "MariaDB " + version.split("-")[0] if "MariaDB" in version else "MySQL " + version.split("-")[0]


def step_text(step):
    extra = f"; {step['extra']}" if step["extra"] else ""
    return f"`{step['table']}` {step['type']} by `{step['key']}`, about {step['rows']:,} rows{extra}"


def report(paths_file, document, results):
    loaded = []
    for result in results:
        with open(result + ".json", encoding="utf-8") as file:
            loaded.append(json.load(file))
    wrong, parts = [], []
    rows = loaded[0]["counts"]["message"]
    parts.append(f"{rows:,} messages of {loaded[0]['counts']['conversation']:,} conversations on one shard, after ANALYZE; the paths are for the "
                 "account with a twentieth of all messages. *Read* counts index entries and rows that the server touched, whatever it had estimated.\n")
    for i, path in enumerate(read_paths(paths_file)):
        parts.append(f"**{path['name'][0].upper() + path['name'][1:]}**: {path['purpose']}.\n\n```sql\n{path['sql']}\n```\n")
        lines = ["| Server | Plan | Returned | Read |", "|---|---|---|---|"]
        for server in loaded:
            plan = server["plans"][i]
            lines.append(f"| {server_name(server['version'])} | {'<br>'.join(map(step_text, plan['steps']))} | "
                         f"{plan['returned']:,} | {plan['read']:,} |")
            used = [step["key"] for step in plan["steps"]]
            if used != path["keys"] or any("filesort" in step["extra"] or "temporary" in step["extra"] for step in plan["steps"]):
                wrong.append(f"{server_name(server['version'])}: {path['name']}: wanted {path['keys']}, plan {plan['steps']}")
        parts.append("\n".join(lines) + "\n")
    lines = ["| Index | " + " | ".join(server_name(server["version"]) for server in loaded) + " |",
             "|---|" + "---|" * len(loaded)]
    for table in TABLES:
        for name in sorted(name for name in loaded[0]["sizes"] if name.startswith(table + ".")):
            cells = [f"{server['sizes'][name] / 2**20 * 1e6 / rows:,.0f} MiB" for server in loaded]
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    counts = ", ".join(f"{table} {count * 1e6 / rows:,.0f}" for table, count in loaded[0]["counts"].items())
    parts.append("Size for a million messages with bodies of 180 to 239 bytes, filled in random order of accounts (rows: " + counts + "):\n\n"
                 + "\n".join(lines) + "\n")
    text = "\n".join(parts)
    if document:
        with open(document, encoding="utf-8") as file:
            before = file.read()
        head, begin, rest = before.partition(BEGIN)
        _, end, tail = rest.partition(END)
        if not begin or not end:
            sys.exit(f"{document}: the marks are missing")
        with open(document, "w", encoding="utf-8") as file:
            file.write(f"{head}{BEGIN}\n\n{text}\n{END}{tail}")
    else:
        print(text)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def main(arguments):
    if len(arguments) > 3 and arguments[0] == "collect":
        return collect(arguments[1], arguments[2], arguments[3:])
    if len(arguments) > 3 and arguments[0] == "report":
        return report(arguments[1], arguments[2], arguments[3:])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
