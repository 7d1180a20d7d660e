# needs: prepare demo/model demo/dataset.h5
# From the model to the page; nothing is overwritten unless asked.
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 4 --budget 64 --quiet --out result.h5 || exit
"$ASCRIBE" report result.h5 --min-count 1 -o report.html | sed 's/, [0-9]* kB/, N kB/'
grep -c "<!DOCTYPE html>" report.html
"$ASCRIBE" report result.h5 -o report.html
echo "exit $?"
"$ASCRIBE" report result.h5 --rows 3 --force --quiet -o report.html && echo again
ls
