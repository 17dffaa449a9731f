// What targets of every cloud say alike: lifetimes between the cloud's floor and its ceiling, what holds for everyone, whether a credential
// may outlive what it was made from, what leaves, and where the cloud is reached. Each kind adds its own.

import { z } from 'zod';
import type { CloudEndpoint } from '../core/cloud-trust.ts';
import { ASSERTION_SECONDS } from '../core/limits-cloud.ts';
import { confirmSchema } from '../parsing/confirm.ts';
import { durationSeconds } from '../parsing/duration.ts';
import type { CloudParts, TargetTerms } from './kind.ts';

/** The bounds of one cloud, in seconds, and the lifetime of a target that says none. */
export interface CloudLifetimes {
  readonly floorSeconds: number;
  readonly secondsMax: number;
  readonly usually: string;
}

const between = ({ floorSeconds, secondsMax }: CloudLifetimes) =>
  durationSeconds.pipe(
    z
      .number()
      .min(floorSeconds, { error: `is under the cloud's floor: it gives ${floorSeconds} seconds at least` })
      .max(secondsMax, { error: `must be at most ${secondsMax} seconds` }),
  );

export const httpsUrl = z.url({ protocol: /^https$/, error: 'must be an https URL' });

/** Options of a target of any cloud. */
export const cloudOptions = (lifetimes: CloudLifetimes) => ({
  audience: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('The `aud` of our assertions, which the cloud pins; `<issuer>/targets/<name>` unless written.'),
  lifetime: between(lifetimes)
    .prefault(lifetimes.usually)
    .describe('The longest lifetime of a credential; a rule, or the caller, may say less.'),
  outlive: z
    .boolean()
    .default(true)
    .describe(
      'Whether a credential may outlive what it was made from: clouds have floors, and CI tokens live five minutes.',
    ),
  deliver: z
    .enum(['credentials', 'assertion'])
    .default('credentials')
    .describe('What leaves: what the cloud gave, or our assertion, for an SDK that asks the cloud itself.'),
  require: z
    .strictObject({
      sources: z.array(z.string()).min(1).optional().describe('The trust sources whose principals may have it.'),
      lifetimeMax: between(lifetimes).optional().describe('No rule grants longer.'),
      actor: z.literal(true).optional().describe('Somebody acts for the subject, and is named.'),
      confirm: confirmSchema.optional(),
    })
    .optional()
    .describe('What holds for everyone; no rule loosens it.'),
  accept: z
    .record(z.string(), z.string().min(1, { error: 'is empty' }))
    .default({})
    .describe('Lint rules that are accepted here, by name, each with the reason; it is recorded.'),
  endpoint: httpsUrl
    .optional()
    .describe("Where the cloud is asked instead of its public endpoint: a private endpoint, or a sovereign cloud's."),
  ca: z
    .string()
    .optional()
    .describe("PEM certificates to trust for it instead of the system's; a path, relative to this file."),
  privateNetwork: z.literal(true).optional().describe('It may have a private address; never link-local or loopback.'),
});

export type CloudOptions = z.output<ReturnType<typeof cloudObject>>;
const cloudObject = (lifetimes: CloudLifetimes) => z.strictObject(cloudOptions(lifetimes));

/** An assertion that leaves is a token like others: it ends with what it was made from, and after five minutes at the latest. */
export const cloudTerms = (
  { lifetime, outlive, deliver, require }: Pick<CloudOptions, 'lifetime' | 'outlive' | 'deliver' | 'require'>,
  floorSeconds: number,
): Omit<TargetTerms, 'scopes' | 'defaultScopes'> => ({
  ...(deliver === 'assertion'
    ? { lifetimeSecondsMax: Math.min(lifetime, ASSERTION_SECONDS), cloud: { floorSeconds: 0, outlive: false } }
    : { lifetimeSecondsMax: lifetime, cloud: { floorSeconds, outlive } }),
  require: {
    actor: require?.actor === true,
    ...(require?.confirm ? { confirm: require.confirm } : {}),
    ...(require?.sources ? { sources: require.sources } : {}),
    ...(require?.lifetimeMax === undefined ? {} : { lifetimeMaxSeconds: require.lifetimeMax }),
  },
});

/** The audience of assertions for a target. */
export const audienceOf = (
  { audience }: Pick<CloudOptions, 'audience'>,
  { issuer, name }: { readonly issuer: string; readonly name: string },
): string => audience ?? `${issuer}/targets/${name}`;

/** How the cloud is reached, wherever that is. */
export const reachedBy = (
  { ca, privateNetwork }: Pick<CloudOptions, 'ca' | 'privateNetwork'>,
  files: CloudParts['files'],
): Omit<CloudEndpoint, 'url'> => ({
  ca: ca === undefined ? undefined : files.get(ca),
  privateNetwork: privateNetwork ?? false,
});
