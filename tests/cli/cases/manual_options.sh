for command in explain show export inspect verify plan status merge bench devices version; do
    "$ASCRIBE" $command --help > $command.help || exit
done
"$ASCRIBE" help --man > man && "$ASCRIBE" completion bash > bash && "$ASCRIBE" completion zsh > zsh || exit
python3 - <<'END'
import glob
import re

def sections(path, start, clean=lambda text: text):
    found = re.split(start, clean(open(path).read()), flags=re.M)
    return dict(zip(found[1::2], found[2::2]))

documents = {
    "man": sections("man", r"^\.SS ascribe (\w+)$", lambda text: text.replace("\\-", "-")),
    "bash": sections("bash", r"^    (\w+)\)$"),
    "zsh": sections("zsh", r"^    (\w+)\)$"),
}
n_options = 0
for path in sorted(glob.glob("*.help")):
    command = path[:-5]
    options = re.findall(r"^ +(?:-\w, )?--([\w-]+)", open(path).read(), re.M)
    assert "help" in options, (command, options)
    for name, document in documents.items():
        for option in options:
            if name == "man" and option == "help":
                continue  # said once for all commands
            n_options += 1
            before = r"\\fB" if name == "man" else r"(?<![\w-])"
            if not re.search(before + r"--%s(?![\w-])" % option, document[command]):
                print("--%s of %s is not in the %s document" % (option, command, name))
assert set(documents["man"]) == set(documents["bash"]) == set(documents["zsh"]), documents.keys()
print("at least 40 options were looked for:", n_options >= 3 * 40)
END
