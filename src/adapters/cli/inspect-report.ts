// What an inspection found, and how people and programs read it: facts, which nobody has proved, then one line for each thing that a
// relying party checks, with the section that demands it. Facts are printed safely; everything else is words of ours.

import type { CertificateProblem } from '../../core/certificate-problem.ts';
import { rfc3339 } from '../../parsing/instant.ts';
import { CERTIFICATE_PROBLEMS } from '../../x509/problems.ts';
import { shown } from './shown.ts';

export interface Check {
  /** Undefined: not judged, and `says` why; it decides nothing. */
  readonly ok: boolean | undefined;
  readonly says: string;
  readonly section: string;
}

/** A name of ours, and what the thing says of itself. */
export type Fact = readonly [name: string, value: string];

export interface Inspection {
  readonly what: string;
  readonly facts: readonly Fact[];
  readonly checks: readonly Check[];
}

/** Inspections of one thing, or why it could not be had. */
export type Found = { readonly inspections: readonly Inspection[] } | { readonly unknown: string };

export const yes = (says: string, section: string): Check => ({ ok: true, says, section });
export const no = (says: string, section: string): Check => ({ ok: false, says, section });
export const unjudged = (says: string, section: string): Check => ({ ok: undefined, says, section });

export function badCertificate(problem: CertificateProblem): Check {
  const { says, section } = CERTIFICATE_PROBLEMS[problem];
  return no(says, section);
}

export const isGood = (inspections: readonly Inspection[]): boolean =>
  inspections.every(({ checks }) => checks.every(({ ok }) => ok !== false));

export function reportLines(inspections: readonly Inspection[]): readonly string[] {
  return inspections.flatMap(({ what, facts, checks }) => {
    const width = Math.max(0, ...facts.map(([name]) => name.length));
    return [
      shown(what),
      ...facts.map(([name, value]) => `  ${name.padEnd(width)}  ${shown(value)}`),
      ...checks.map(({ ok, says, section }) => `${verdict(ok)}  ${says}  [${section}]`),
    ];
  });
}

const verdict = (ok: boolean | undefined): string => (ok === undefined ? '--' : ok ? 'ok' : 'no');

export const reportJson = (inspections: readonly Inspection[]) => ({
  ok: isGood(inspections),
  inspections: inspections.map(({ what, facts, checks }) => ({
    what,
    facts: facts.map(([name, value]) => ({ name, value })),
    checks: checks.map(({ ok = null, says, section }) => ({ ok, says, section })),
  })),
});

/** Both ends count. */
export const validity = (notBeforeSeconds: number, notAfterSeconds: number): string =>
  `${rfc3339(notBeforeSeconds)} to ${rfc3339(notAfterSeconds)}`;
