# needs: golden/models
for model in bert-f32 distilbert roberta xlm-roberta camembert electra-small albert-groups mpnet one-class; do
    "$ASCRIBE" inspect "$DATA/golden/models/$model" --json | python3 -c '
import json, sys
facts = json.load(sys.stdin)
print(*[facts[key] for key in ("architecture", "problem_type", "scores", "layers", "positions", "longest_input_tokens",
                               "token_types", "weight_files")])' || exit
done
mkdir only-pickle
cp "$DATA/golden/models/roberta/config.json" only-pickle
touch only-pickle/pytorch_model.bin
"$ASCRIBE" inspect only-pickle
