# A name of the Hub is no folder: how it becomes one is said, before texts are prepared. A path is not taken for such a name.
echo text > a.csv
for model in distilbert-base-uncased owner/name ./here /nowhere/model a/b/c; do
    "$ASCRIBE" explain --model $model --data a.csv --out o.h5 2>&1 | grep hint
    "$ASCRIBE" explain --model $model --data a.csv --out o.h5 2> /dev/null
    echo "exit $?"
done
mkdir -p owner/name
"$ASCRIBE" inspect owner/name
echo "exit $?"
ls
