#!/usr/bin/env bash
# What a pull request does to the bills of the jobs it changes, as Markdown: `outlay diff` on each changed job, `outlay plan`
# on each new one. Status 1 if a job is over its limits, 2 if a file is no job.
#
# Everything comes in variables, so that no name in a pull request is ever read as code:
#   OUTLAY     the command                              (outlay)
#   BASE       what the change is compared with         (origin/HEAD)
#   FILES      git pathspecs, one a line                (*.outlay.toml)
#   FAIL_OVER  most growth of the cost, as 10%          (no limit)
#   BUDGET     most money a changed job may cost, as $500  (no limit)
#   COMMENT    true: also comment on pull request PR through gh
# Arguments, where there are any, are the files instead of FILES: that is how pre-commit calls it.
set -euo pipefail

outlay=${OUTLAY:-outlay}
base=${BASE:-origin/HEAD}

paths=()
if (($#)); then
  # Names, not patterns.
  for name in "$@"; do paths+=(":(literal)$name"); done
else
  while IFS= read -r line; do
    if [[ -n $line ]]; then paths+=("$line"); fi
  done <<<"${FILES:-*.outlay.toml}"
fi

over=()
limit=()
if [[ -n ${FAIL_OVER:-} ]]; then over=("--fail-over=$FAIL_OVER"); fi
if [[ -n ${BUDGET:-} ]]; then limit=("--budget=$BUDGET"); fi

cd "$(git rev-parse --show-toplevel)"
scratch=$(mktemp -d)
cleanup() {
  git worktree remove --force "$scratch/base" >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap cleanup EXIT

# A tree of its own: jobs name files that lie beside them.
from=$(git merge-base "$base" HEAD)
git worktree add --quiet --detach "$scratch/base" "$from"
# The hook looks at what is about to be committed, the action at what was.
changes=(git diff --name-status -z --find-renames "$from")
if [[ -n ${STAGED:-} ]]; then changes+=(--cached); fi
"${changes[@]}" -- "${paths[@]}" >"$scratch/changes"

report=$scratch/report.md
status=0
shown() { # a name as code in Markdown, whatever it holds
  local name=${1//\`/\'}
  printf '\n### `%s`%s\n\n' "${name//[$'\n\r']/ }" "${2:-}" >>"$report"
}
ask() { # runs the command; keeps the worst status, and what went wrong as text
  local got=0
  "$outlay" "$1" --markdown "${@:2}" >"$scratch/out" 2>"$scratch/err" || got=$?
  cat "$scratch/out" >>"$report"
  if ((got > 0)) && [[ -s $scratch/err ]]; then
    { printf '\n'; sed 's/^/    /' "$scratch/err"; } >>"$report"
  fi
  if ((got > status)); then status=$got; fi
}

printf '<!-- outlay -->\n## What this does to training costs\n' >"$report"
count=0
while IFS= read -r -d '' kind && IFS= read -r -d '' old; do
  count=$((count + 1))
  case $kind in
    R*)
      IFS= read -r -d '' new
      shown "$new" ", renamed"
      ask diff "${over[@]}" "${limit[@]}" -- "$scratch/base/$old" "$new"
      ;;
    C*)
      IFS= read -r -d '' new
      shown "$new" ", new"
      ask plan "${limit[@]}" -- "$new"
      ;;
    A)
      shown "$old" ", new"
      ask plan "${limit[@]}" -- "$old"
      ;;
    D)
      shown "$old" ", removed"
      printf 'It costs nothing any more.\n' >>"$report"
      ;;
    *)
      shown "$old"
      ask diff "${over[@]}" "${limit[@]}" -- "$scratch/base/$old" "$old"
      ;;
  esac
done <"$scratch/changes"
if ((count == 0)); then printf '\nNo job is changed.\n' >>"$report"; fi

cat "$report"
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then cat "$report" >>"$GITHUB_STEP_SUMMARY"; fi
if [[ ${COMMENT:-} == true && -n ${PR:-} ]]; then
  # A comment that cannot be written is no fault of the jobs.
  gh pr comment "$PR" --edit-last --create-if-none --body-file "$report" >&2 ||
    echo "the comment could not be written; the report stands in the summary" >&2
fi
exit "$status"
