// Every lint there is, by name: what `accept` may name, and what docs/lint.md lists. A lint is one entry of one of the tables below;
// what the grammar of policies already refuses is none (docs/lint.md, "What cannot be written").

import { ACCEPT_UNKNOWN, ACCEPT_UNUSED, ENDS_SOON } from './lint-accept.ts';
import { WIDER_RULE } from './lint-across.ts';
import { ACTOR_LINTS } from './lint-actors.ts';
import { CLOUD_LINTS } from './lint-clouds.ts';
import { ACTIONS_LINTS, EVENT_LINTS, GITLAB_LINTS, SUBJECT_LINTS } from './lint-forges.ts';
import { NAME_LINTS } from './lint-names.ts';
import { PLATFORM_LINTS, RUNNER_LINTS } from './lint-platforms.ts';
import { SAME_ROW_ID } from './lint-rows.ts';
import { SOURCE_LINTS } from './lint-sources.ts';
import { TARGET_LINTS } from './lint-targets.ts';
import { VALUE_RULE_LINTS } from './lint-values.ts';
import type { LintText, RuleLint } from './lint-view.ts';

/** Lints about one rule and one of its sources. */
export const RULE_LINTS: readonly RuleLint[] = [
  ...NAME_LINTS,
  ...SUBJECT_LINTS,
  ...ACTIONS_LINTS,
  ...EVENT_LINTS,
  ...GITLAB_LINTS,
  ...PLATFORM_LINTS,
  ...RUNNER_LINTS,
  ...CLOUD_LINTS,
  ...VALUE_RULE_LINTS,
  ...ACTOR_LINTS,
];

/** Every lint by name; one that is about rules and sources alike, or about sources and targets, stands here once. */
export const LINTS: ReadonlyMap<string, LintText> = new Map(
  [
    ...RULE_LINTS,
    WIDER_RULE,
    SAME_ROW_ID,
    ...TARGET_LINTS,
    ...SOURCE_LINTS,
    ENDS_SOON,
    ACCEPT_UNKNOWN,
    ACCEPT_UNUSED,
  ].map((lint) => [lint.name, lint]),
);
