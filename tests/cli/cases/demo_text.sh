# needs: demo/model prepare
mkdir scratch
export TMPDIR="$PWD/scratch"
"$ASCRIBE" explain --model "$DATA/demo/model" --text "What a wonderful film!" --text "Truly awful." --color never || exit
"$ASCRIBE" explain --model "$DATA/demo/model" --text "good" --json |
    python3 -c 'import json, sys; print([json.loads(line)["text"] for line in sys.stdin])'
"$ASCRIBE" explain --model "$DATA/demo/model" --text "good" --out kept.h5 > /dev/null
ls . scratch
