# needs: golden/models
mkdir m && cp "$DATA/golden/models/bert-f32/config.json" m || exit
printf "#!/bin/sh\nexit 70\n" > program
chmod +x program
mkdir scratch
TMPDIR=scratch ASCRIBE_PREPARE=./program "$ASCRIBE" explain --model m --text hello
code=$?
ls scratch
exit $code
