// What `doctor` finds, one thing at a time: whether it is as it should be, and what to do where it is not. Nothing secret is put into one:
// names, places, modes and instants.

/** `unknown`: it could not be found out from here. */
export type Outcome = 'ok' | 'warn' | 'fail' | 'unknown';

export interface Finding {
  /** What it is about: `configuration`, `documents`, `source github`, ... */
  readonly area: string;
  readonly outcome: Outcome;
  readonly says: string;
  /** What to do. */
  readonly mend?: string;
}

/** Makers of findings about one area. */
export const about = (area: string) => ({
  ok: (says: string): Finding => ({ area, outcome: 'ok', says }),
  warn: (says: string, mend: string): Finding => ({ area, outcome: 'warn', says, mend }),
  fail: (says: string, mend: string): Finding => ({ area, outcome: 'fail', says, mend }),
  unknown: (says: string, mend: string): Finding => ({ area, outcome: 'unknown', says, mend }),
});
