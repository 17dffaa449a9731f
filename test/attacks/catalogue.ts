// The attacks that this project answers to, by the numbers that test titles carry (`A-25`), in groups; and those whose defence, or
// whose rest, comes with a capability that is not built yet. table.test.ts holds titles and catalogue together.

export interface Group {
  readonly title: string;
  readonly first: number;
  readonly last: number;
}

export const GROUPS: readonly Group[] = [
  { title: 'Signatures and JOSE headers', first: 1, last: 33 },
  { title: 'Claims: issuer, audience, time, replay, subject', first: 34, last: 66 },
  { title: 'SPIFFE IDs', first: 85, last: 88 },
  { title: 'SPIFFE JWT-SVIDs', first: 99, last: 104 },
  { title: 'CI identities and the pins of rules', first: 105, last: 127 },
  { title: 'The token exchange', first: 128, last: 150 },
  { title: 'Credentials in what is written down', first: 170, last: 170 },
  { title: 'The HTTP surface, floods and what callers learn', first: 173, last: 196 },
  { title: 'Keys, configuration, state', first: 197, last: 210 },
];

const DELEGATION = 'refused as a whole until delegation is built; its own checks come with actors';
const CLIENTS = 'refused as a whole until clients can authenticate; its own checks come with them';

/** What is not proved yet, and what brings it. A number may stand here and in titles: then the titles prove the refusal. */
export const LATER: Readonly<Record<number, string>> = {
  41: 'blocks and revocations; a deny is proved',
  46: CLIENTS,
  52: 'two instances: the shared store; one instance and its restart are proved',
  63: 'instances with clocks apart: the shared store; one clock that steps is proved',
  142: DELEGATION,
  143: DELEGATION,
  144: DELEGATION,
  145: DELEGATION,
  146: DELEGATION,
  147: DELEGATION,
  148: DELEGATION,
  149: DELEGATION,
  150: CLIENTS,
  190: 'cloud targets and parameters: nothing is rendered from a claim yet',
  191: 'sinks beyond a file and a pipe: records are sent nowhere yet',
  207: 'the shared store in Redis',
  208: 'the shared store in Redis',
};
