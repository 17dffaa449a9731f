// Lints that look at rows of a table: which row, and which column of it, brought a value into a rule; and rows that mean one principal.
// A rule is compared with the other rows of its own table alone.

import type { YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import { collect } from '../compile/expand.ts';
import type { ReadCondition } from '../compile/match.ts';
import type { Row } from '../compile/tables.ts';
import type { CompiledRule } from '../compiled.ts';
import { type Condition, textOf } from '../evaluate.ts';
import { type LintText, ownConditions } from './lint-view.ts';

export const SAME_ROW_ID: LintText = {
  name: 'same-row-id',
  row: '-',
  severity: 'warning',
  when: 'two rows of a table pin the same ids in the same context; it stands at the later row',
  why: 'pins the same ids',
  mend: 'one of the two is a mistake, or they are one row',
};

/** A rule, and the rows that made it. */
export interface RowRule {
  readonly rule: CompiledRule;
  readonly document: YamlDocument;
  readonly path: YamlPath;
  readonly rows: readonly Row[];
  readonly reads: readonly ReadCondition[];
}

export interface Place {
  readonly document: YamlDocument;
  readonly at: YamlPath;
}

/** Where a value was written: in a row that a rule takes it from, or in the rule. */
export function placeOfValue({ document, rows }: RowRule, at: YamlPath, text: string): Place {
  const folded = text.toLowerCase();
  for (const name of parametersAt(document, at))
    for (const row of rows)
      if (Object.hasOwn(row.values, name) && folded.includes(String(row.values[name]).toLowerCase()))
        return { document: row.document, at: [...row.path, name] };
  return { document, at };
}

interface SameRow<Linted> extends Place {
  readonly linted: Linted;
  readonly message: string;
}

/** Every row that pins what a row before it pins. */
export function sameRows<Linted extends RowRule>(rules: readonly Linted[]): readonly SameRow<Linted>[] {
  const first = new Map<string, Row>();
  return rules.flatMap((linted) => {
    const { rule, document, path, rows, reads } = linted;
    if (rows.length === 0 || rule.effect === 'deny') return [];
    return rule.matches.flatMap((match) => {
      const ids = new Set(match.ids.map(keyOf));
      const pins = ownConditions(match, reads).filter(({ condition }) => ids.has(keyOf(condition)));
      const names = pins.flatMap(({ at }) => parametersAt(document, at));
      // One group and several agents are several rows.
      const pinned = [...[...match.ids, ...match.context].map(keyOf), JSON.stringify(rule.actor)];
      return rows.flatMap((row) => {
        const columns = names.filter((name) => Object.hasOwn(row.values, name));
        const [column] = columns;
        if (column === undefined) return [];
        const others = rows.filter((other) => other !== row).map((other) => [other.document.file, other.path]);
        const key = JSON.stringify([document.file, path, match.source, row.document.file, others, pinned]);
        const before = first.get(key) ?? row;
        first.set(key, before);
        if (before === row) return [];
        const message = `${SAME_ROW_ID.why} as the row at line ${before.document.locate(before.path).line}; ${SAME_ROW_ID.mend}`;
        return [{ linted, document: row.document, at: [...row.path, column], message }];
      });
    });
  });
}

const keyOf = ({ path, form, values }: Condition): string => JSON.stringify([path, form, values.map(textOf)]);

/** The parameters that stand in what was written at this place. */
function parametersAt({ value }: YamlDocument, at: YamlPath): readonly string[] {
  const found = new Set<string>();
  let inner = value;
  for (const step of at) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, step)) return [];
    const next: unknown = Reflect.get(inner, step);
    inner = next;
  }
  collect(inner, found);
  return [...found];
}
