# needs: demo/model demo/dataset.h5
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 12 --budget 24
"$ASCRIBE" plan "$@" --out r.h5 --tasks 2 -o plan.json --json > plan || exit
"$ASCRIBE" explain --plan plan.json --task 0 --json > task || exit
"$ASCRIBE" explain --plan plan.json --task 0 --json > again || exit
"$ASCRIBE" status plan.json --json > state || exit
"$ASCRIBE" verify plan.json --json > verified
echo "exit $?"
"$ASCRIBE" inspect plan.json --json > inspected_plan || exit
"$ASCRIBE" inspect r.h5.parts --json > inspected_run || exit
"$ASCRIBE" explain --plan plan.json --task 1 --quiet || exit
"$ASCRIBE" merge r.h5.parts --keep-parts --json > merged || exit
"$ASCRIBE" merge r.h5.parts --keep-parts --json > merged_again || exit
"$ASCRIBE" merge r.h5.parts --keep-parts -o other.h5 --quiet || exit
"$ASCRIBE" verify other.h5 --json > other || exit
"$ASCRIBE" status r.h5.parts --json > done || exit
"$ASCRIBE" verify r.h5.parts --json | grep '"kind"' || exit
python3 - <<'END'
import json, os
plan, task, again, state, verified, inspected_plan, inspected_run, merged, merged_again, other, done = (
    json.load(open(name)) for name in "plan task again state verified inspected_plan inspected_run merged merged_again other done".split())
assert plan["rows"] == 12 and plan["tasks"] == 2 and plan["parts"] >= 2 and plan["coalitions"] > 0 and plan["tokens"] > 0, plan
assert plan["operations"] == 2 * plan["operations_per_task"] > 0, plan
assert plan["plan"] == "plan.json" and os.path.samefile(os.path.dirname(plan["result"]), "."), plan
assert task["task"] == 0 and task["tasks"] == 2 and task["plan"] == "plan.json" and not task["merged"], task
assert task["seconds"] > 0 and task["rows_per_second"] > 0 and task["rows_taken_over"] == 0 and again["rows_taken_over"] == again["rows"], task
assert 0 < task["rows"] < 12 and task["coalitions"] > 0 and again["coalitions"] == 0 and again["rows"] == task["rows"], (task, again)
assert not state["merged"] and state["tasks"] == 2 and state["rows"] == 12 and state["rows_done"] == task["rows"], state
assert state["tasks_with_state"] == {"waiting": 1, "running": 0, "stopped": 0, "done": 1}, state
first, second = state["task_list"]
assert first["state"] == "done" and first["rows"] == first["rows_done"] == task["rows"] and first["parts"] == first["parts_done"], first
assert second["state"] == "waiting" and second["rows"] == 12 - task["rows"] and second["rows_done"] == 0, second
assert not verified["ok"] and verified["kind"] == "run" and verified["rows_present"] == task["rows"], verified
states = verified["parts_with_state"]
assert states["present"] == first["parts"] and states["missing"] == second["parts"] == len(verified["found"]), verified
assert inspected_plan["kind"] == "plan" and inspected_plan["plan_version"] == 1, inspected_plan
assert inspected_run["kind"] == "run" and inspected_run["manifest"]["budget"] == 24, inspected_run
assert not merged["already_complete"] and merged["rows"] == 12 and merged["parts"] == plan["parts"], merged
assert merged["bytes_per_second"] > 0 and merged["bytes_read"] > 0 and merged["bytes_written"] > 0 and merged["values"] > 0, merged
assert merged_again["already_complete"] and other["ok"] and other["rows"] == 12, (merged_again, other)
assert done["merged"] and done["tasks_with_state"]["done"] == done["tasks"], done
END
