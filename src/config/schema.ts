// exchequer.yaml as it may be written: strict, a function of the kinds that compose.ts passes; config/exchequer.schema.json is made
// from it. What is planned and not built is refused by name, never ignored. What needs more than one place to judge is in clashes.ts.

import { z } from 'zod';
import { WHY_CHARACTERS_MAX } from '../core/limits.ts';
import { durationSeconds } from '../parsing/duration.ts';
import { parseEndpointSocket } from '../parsing/endpoint-socket.ts';
import { issuerProblem } from '../parsing/uri.ts';
import type { Kinds, TargetKind, TrustKind } from './config.ts';
import { store } from './store.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const NAME_RULE = 'must be a lower-case letter, then letters, digits and dashes, 63 characters at most';
/** Names that would read as something else in `<source>:<name>`: `target:<name>` is what clouds pin. */
const RESERVED = ['clients', 'target', 'spiffe', 'wimse', 'http', 'https', 'urn'];

/** A member that is planned, and that this version does not have. */
const notBuilt = (what: string) =>
  z
    .never({ error: `${what} not built yet` })
    .optional()
    .describe(`Reserved: ${what} not built yet.`);

const text = z.string().min(1, { error: 'must not be empty' });
const path = text.describe('A path; relative to this file.');

const address = z
  .string()
  .describe('Host and port, such as 0.0.0.0:8443 or [::]:8443.')
  .transform((written, context) => {
    const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(written) ?? [];
    const host = bracketed ?? plain;
    if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
    context.addIssue({ code: 'custom', message: 'must be a host and a port, such as 0.0.0.0:8443 or [::]:8443' });
    return z.NEVER;
  });

const endpointSocket = z.string().superRefine((written, context) => {
  const read = parseEndpointSocket(written);
  if (!read.ok) context.addIssue({ code: 'custom', message: read.problem });
});

const issuer = z
  .string()
  .superRefine((written, context) => {
    const problem = issuerProblem(written);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  })
  .describe('`iss` of everything issued, byte for byte: an https URL that may have a path.');

const sourceName = z
  .string()
  .regex(NAME, { error: `is no name for a source: it ${NAME_RULE}` })
  .superRefine((name, context) => {
    if (RESERVED.includes(name)) context.addIssue({ code: 'custom', message: 'is a reserved name for a source' });
  });

/** Without a colon, or an https URL: then it is never equal to a name that we issue (`<source>:...`, `spiffe://...`). */
const clientId = z.string().regex(/^(?:[A-Za-z0-9._~-]{1,128}|https:\/\/[\x21\x24-\x7e]{1,500})$/, {
  error: 'is no client id: it must be letters, digits, `.`, `_`, `~`, `-`, or an https URL',
});

const targetName = z.string().regex(NAME, { error: `is no name for a target: it ${NAME_RULE}` });

/** Options that every source has, whatever its kind. */
const sourceOptions = {
  audience: z
    .string({ error: 'must be exactly one value, in text' })
    .min(1, { error: 'must not be empty' })
    .optional()
    .describe('The one `aud` value that tokens must bear; our issuer unless written, or what the platform fixes.'),
  otherAudiences: z.literal('allow').optional().describe('Other values may stand beside ours in `aud`.'),
  scopes: z
    .literal('ceiling')
    .optional()
    .describe("Nothing made from a token has a scope that the token's own `scope` does not have."),
  require: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Claims checked while proving: a token that fails them has proved nothing.'),
  replay: z.enum(['once', 'once-per-target', 'reusable']).optional().describe('How often one token may be spent.'),
  tell: z.enum(['caller', 'operator']).optional().describe('Who learns why a principal was refused.'),
  maxAge: durationSeconds.optional(),
  reach: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('The targets that its principals can get at most, whatever rules say.'),
  only: notBuilt('`only` is'),
  accept: z
    .record(z.string(), z.string().min(1, { error: 'is empty' }).max(WHY_CHARACTERS_MAX))
    .default({})
    .describe('Lint rules that are accepted here, by name, each with the reason; it is recorded.'),
};

// `safeExtend` keeps the kind's own refinements, and a kind's own option counts before a common one of that name.
const sourceOf = ({ kind, options }: TrustKind) =>
  options
    .safeExtend({
      kind: z.literal(kind).describe('The platform whose tokens it proves.'),
      ...sourceOptions,
      ...options.shape,
    })
    .strict()
    .describe(`A trust source of kind ${kind}.`);

const targetOf = ({ kind, options }: TargetKind) =>
  options
    .safeExtend({ kind: z.literal(kind).describe('What is issued for it.'), ...options.shape })
    .strict()
    .describe(`A target of kind ${kind}.`);

const byKind = (arms: readonly z.ZodObject[], none: string) => {
  const [first, ...rest] = arms;
  if (!first) throw new Error(none);
  return z.discriminatedUnion('kind', [first, ...rest]);
};

const somethingIn = (what: string) => (entries: Readonly<Record<string, unknown>>, context: z.RefinementCtx) => {
  if (Object.keys(entries).length === 0)
    context.addIssue({ code: 'custom', message: `must name at least one ${what}` });
};

/** Own tokens are the source `self`, and nothing else is. Its issuer and its audiences are ours. */
const ownTokens = (sources: Readonly<Record<string, unknown>>, context: z.RefinementCtx) => {
  for (const [name, source] of Object.entries(sources)) {
    const { kind, audience } = source as { readonly kind: string; readonly audience?: string };
    if ((name === 'self') !== (kind === 'self'))
      context.addIssue({
        code: 'custom',
        path: [name],
        message: 'own tokens are the source `self`, written `self: {}`',
      });
    if (name === 'self' && audience !== undefined)
      context.addIssue({
        code: 'custom',
        path: [name, 'audience'],
        message: 'own tokens are for whatever they were issued for',
      });
  }
};

/** The schema of exchequer.yaml. */
export const configSchema = (kinds: Kinds) =>
  z
    .strictObject({
      issuer,
      listen: z
        .strictObject({
          address,
          tls: z
            .union([
              z.strictObject({ certificate: path, key: path }),
              z.strictObject({ workloadApi: endpointSocket.describe('The Workload API that gives our X.509-SVID.') }),
            ])
            .describe(
              'PEM files of the public listener, read again when they change; or our X.509-SVID, as it rotates.',
            ),
        })
        .describe('The public listener.'),
      observe: z.strictObject({ address }).describe('/livez, /readyz and /metrics.'),
      control: z.strictObject({ socket: path }).describe('The local socket for operators, mode 0600.'),
      trust: z
        .record(sourceName, byKind(kinds.trust.map(sourceOf), 'no kinds of trust sources'))
        .superRefine(somethingIn('source'))
        .superRefine(ownTokens)
        .describe('Who can prove themselves, and how.'),
      clients: z
        .record(clientId, kinds.client.options.describe('An OAuth client.'))
        .default({})
        .describe('Callers that authenticate as OAuth clients, by their `client_id`.'),
      targets: z
        .record(targetName, byKind(kinds.targets.map(targetOf), 'no kinds of targets'))
        .superRefine(somethingIn('target'))
        .describe('What can be asked for.'),
      policies: z
        .array(policyFolder)
        .min(1, { error: 'must name at least one folder' })
        .describe('Folders of policy files, read recursively; names that begin with a dot are skipped.'),
      store,
      keys,
      audit: z
        .strictObject({
          to: text.describe('`stdout`, or the path of a file; relative to this file.'),
          sync: z.boolean().default(true).describe('Whether a file is synced for each group of records.'),
          labels: z.record(z.string(), z.string()).default({}).describe('Stand in every record.'),
        })
        .describe('Where the record of every decision goes.'),
    })
    .describe('The configuration of an Exchequer broker.');

const policyPath = z.string().min(1, { error: 'must not be empty' });
const namesOf = (what: string) => z.array(z.string()).min(1).optional().describe(what);

/** A folder, or one whose files may speak of some sources and targets only: delegation to a team, with an owner of its files. */
const policyFolder = z.union([
  policyPath,
  z
    .strictObject({
      path: policyPath.describe('A folder; relative to this file.'),
      trust: namesOf('The trust sources that its rules may speak of.'),
      reach: namesOf('The targets that its rules may allow or deny.'),
    })
    .describe('A folder whose rules may speak of these sources and targets only.'),
]);

const keys = z
  .strictObject({
    directory: path,
    rotateEvery: durationSeconds.prefault('30d'),
    publishAhead: durationSeconds.prefault('48h'),
  })
  .superRefine(({ rotateEvery, publishAhead }, context) => {
    if (publishAhead >= rotateEvery)
      context.addIssue({ code: 'custom', path: ['publishAhead'], message: 'must be shorter than `rotateEvery`' });
  })
  .describe('Our signing keys: a folder of mode 0700, and their calendar.');

export type WrittenConfig = z.infer<ReturnType<typeof configSchema>>;
