# needs: prepare
# The table of the command and ascribe-report itself name the same options.
"$ASCRIBE" report --help > help || exit
"$ASCRIBE" help --man > man && "$ASCRIBE" completion bash > bash || exit
python3 - <<'END'
import re

text = open("help").read()
real = set(re.findall(r"^ +(?:-\w(?: [^ ,]+)?, )?--([\w-]+)", text, re.M)) - {"help"}
page = open("man").read().replace("\\-", "-").split(".SS ascribe report")[1].split(".SS")[0]
described = set(re.findall(r"\\fB--([\w-]+)", page))
completed = set(re.findall(r"--([\w-]+)", re.search(r"^    report\)$.*?^        options='(.*?)'", open("bash").read(), re.M | re.S)[1]))
assert len(real) > 8, real
print("not described:", sorted(real - described))
print("not there:", sorted(described - real))
print("completed otherwise:", sorted(completed ^ (described | {"help"})))
END
