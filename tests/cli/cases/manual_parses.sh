# With mandoc or groff's man where one of them is there: no warnings, and the page has what it should.
"$ASCRIBE" help --man > ascribe.1 || exit
if command -v mandoc > checker; then
    mandoc -T lint -W warning ascribe.1 && mandoc ascribe.1 > page
elif man --version > checker 2>&1; then
    MANWIDTH=80 man --warnings=w -l ascribe.1 > page
else
    cp ascribe.1 page
fi
echo "exit $?"
for word in NAME SYNOPSIS COMMANDS "EXIT STATUS" "ascribe explain" "ascribe prepare"; do
    grep -q "$word" page || echo "no $word"
done
