// Instants as they are shown: RFC 3339 in UTC and whole seconds, in refusals, in lists for people, and in answers in the form of a cloud.
// Records have milliseconds, and a form of their own (audit/record.ts).

/** Of seconds since the epoch. */
export const rfc3339 = (seconds: number): string =>
  `${new Date(Math.floor(seconds) * 1_000).toISOString().slice(0, 19)}Z`;
