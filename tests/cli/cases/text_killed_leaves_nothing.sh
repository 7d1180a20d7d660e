# needs: golden/models
mkdir m && cp "$DATA/golden/models/bert-f32/config.json" m || exit
printf '#!/bin/sh\nexec sleep 20 > /dev/null 2>&1\n' > program
chmod +x program
mkdir scratch
TMPDIR=scratch ASCRIBE_PREPARE=./program "$ASCRIBE" explain --model m --text hello &
for attempt in $(seq 100); do
    test -e scratch/*/texts.jsonl && break
    sleep 0.1
done
ls scratch | wc -l | tr -d " "
kill -TERM $!
wait $!
echo $?
ls scratch
