// What writers accept, judged: a name that is no lint, and a reason for something that is not so. And rules that end soon, or have ended.
// None of these three hides another finding.

import { closest } from '../../parsing/closest.ts';
import type { YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import type { LintText } from './lint-view.ts';

export const ENDS_SOON: LintText = {
  name: 'ends-soon',
  row: '-',
  severity: 'warning',
  when: '`until` is less than two weeks away, or past',
  why: 'whoever relies on this rule is refused from that day on',
  mend: 'write a later `until`, or remove the rule',
};

export const ACCEPT_UNKNOWN: LintText = {
  name: 'accept-unknown',
  row: '-',
  severity: 'error',
  when: '`accept` names no lint; it cannot be accepted itself',
  why: 'is no lint',
  mend: 'docs/lint.md has them all',
};

export const ACCEPT_UNUSED: LintText = {
  name: 'accept-unused',
  row: '-',
  severity: 'warning',
  when: '`accept` of a rule, source or target names a lint that does not fire there; what comes from `defaults` is exempt',
  why: 'nothing of this is found here, and a reason that is kept hides what comes later',
  mend: 'remove it',
};

export interface AcceptHit {
  readonly lint: LintText;
  readonly at: YamlPath;
  readonly message: string;
}

/** What is wrong with `accept` at this place; where it is none of its own there, it is that of the file's defaults. `fired`: the lints that fire there. */
export function judgeAccept(input: {
  readonly document: YamlDocument;
  readonly path: YamlPath;
  readonly accept: Readonly<Record<string, string>>;
  readonly known: readonly string[];
  readonly fired: ReadonlySet<string>;
}): readonly AcceptHit[] {
  const { document, path, accept, known, fired } = input;
  const own = [...path, 'accept'];
  const isOwn = hasValue(document.value, own);
  return Object.keys(accept).flatMap((name): readonly AcceptHit[] => {
    if (known.includes(name) && name !== ACCEPT_UNKNOWN.name) {
      const unused = isOwn && !fired.has(name) && name !== ACCEPT_UNUSED.name;
      const message = `${ACCEPT_UNUSED.why}; ${ACCEPT_UNUSED.mend}`;
      return unused ? [{ lint: ACCEPT_UNUSED, at: [...own, name], message }] : [];
    }
    const near = closest(name, known);
    const mend = near === undefined ? ACCEPT_UNKNOWN.mend : `did you mean ${near}?`;
    const at = isOwn ? [...own, name] : ['defaults', 'accept', name];
    return [{ lint: ACCEPT_UNKNOWN, at, message: `${name} ${ACCEPT_UNKNOWN.why}; ${mend}` }];
  });
}

function hasValue(root: unknown, path: YamlPath): boolean {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return false;
    const inner: unknown = Reflect.get(value, step);
    value = inner;
  }
  return true;
}
