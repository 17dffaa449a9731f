// What a claim's value looks like, by how fields are called on every platform: for the schemas that editors show, and for the claims that
// `token --as` makes up. Examples; nothing is decided by them.

const UID = '00000000-0000-4000-8000-000000000001';

/** The first that fits. */
const EXAMPLES: readonly (readonly [RegExp, string])[] = [
  [/uid$|uuid/i, UID],
  [/^runner_environment$/, 'github-hosted'],
  [/^environment$/, 'production'],
  [/_protected$/, 'true'],
  [/^(?:ref|ref_path|head_ref|base_ref)$/, 'refs/heads/main'],
  [/^ref_type$/, 'branch'],
  [/^event_name$/, 'push'],
  [/sha$/, '0123456789abcdef0123456789abcdef01234567'],
  [/_id$|Id$|^id$|_number$|_attempt$/, '1'],
  [/^repository$|_path$/, 'example/example'],
];

/** A value that a text claim of this field could have, on any platform. */
export const exampleClaim = (field: string): string =>
  EXAMPLES.find(([pattern]) => pattern.test(field))?.[1] ?? 'example';
