# needs: golden/models
mkdir m && cp "$DATA/golden/models/bert-f32/config.json" m || exit
cat > program <<"END"
#!/bin/sh
echo "ascribe-prepare: error: line 3: expected 2 columns, found 1" >&2
exit 65
END
chmod +x program
echo text > a.csv
ASCRIBE_PREPARE=./program "$ASCRIBE" explain --model m --data a.csv --out o.h5
code=$?
ls -I m
exit $code
