# A model that is not supported is named before its tokenizer is looked for.
mkdir gpt2 && echo '{"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}' > gpt2/config.json
echo text > a.csv
ASCRIBE_PREPARE=/bin/true "$ASCRIBE" explain --model gpt2 --data a.csv --out o.h5
