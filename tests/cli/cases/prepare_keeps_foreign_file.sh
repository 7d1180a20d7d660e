# needs: golden/models
mkdir m && cp "$DATA/golden/models/bert-f32/config.json" m || exit
echo text > a.csv
echo precious > o-dataset.h5
ASCRIBE_PREPARE=/bin/true "$ASCRIBE" explain --model m --data a.csv --out o.h5
code=$?
cat o-dataset.h5
exit $code
