// Where a workload finds its own credential, in the one order that docs/token.md gives: a job's identity before its machine's, since
// a runner that has a pod's token or an agent's socket would else lend its own name to every job. Reads variables and looks whether
// files exist; takes nothing out of either. Names variables in messages, never what they hold.

import type { Terminal } from './terminal.ts';

/** How a credential is had. `text` and `bearer` are secrets: never printed, logged or put into a message. */
export type Source =
  | { readonly how: 'request'; readonly url: string; readonly bearer: string }
  | { readonly how: 'variable'; readonly variable: string; readonly text: string; readonly mend?: string }
  | { readonly how: 'file'; readonly file: string }
  | { readonly how: 'socket'; readonly socket: string }
  | { readonly how: 'folder'; readonly folder: string }
  /** By AWS, which tells who this is: a request that the broker will send. */
  | { readonly how: 'aws'; readonly region: string };

export type Place =
  | { readonly from: string; readonly source: Source }
  /** This is such a place, and it has no credential for us: what to do. */
  | { readonly from: string; readonly missing: string };

/** What is looked at; `exists` is asked about files of ours alone. */
export interface Surroundings {
  readonly env: Terminal['env'];
  readonly exists: (path: string) => boolean;
  /** The broker's issuer, which credentials should be for. */
  readonly issuer: string;
}

/** The variable of a job that carries its token, on every platform that hands tokens out in variables. */
const OURS = 'EXCHEQUER_ID_TOKEN';
const TOKEN_FILE = 'EXCHEQUER_TOKEN_FILE';
/** Where docs/token.md mounts the projected token. The default mount is for the API server, and is never taken. */
const TOKEN_FILE_DEFAULT = '/var/run/secrets/exchequer/token';

const NO_REGION = 'AWS_REGION is not set: it says which STS the broker asks';
/** Set by Lambda, ECS, EKS and CodeBuild. An instance sets none: there, `--from aws` says it. */
const AWS_COMPUTE = [
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];

type Look = (around: Surroundings) => Place | undefined;

/** Every place by name, in the order in which they are looked for. */
const LOOKS: Readonly<Record<string, Look>> = {
  github,
  gitlab,
  circleci,
  buildkite,
  kubernetes,
  'spiffe-socket': ({ env }) => {
    const socket = env.SPIFFE_ENDPOINT_SOCKET;
    return socket ? { from: 'spiffe-socket', source: { how: 'socket', socket } } : undefined;
  },
  'spiffe-folder': ({ env }) => {
    const folder = env.SPIFFE_CREDENTIAL_FOLDER;
    return folder ? { from: 'spiffe-folder', source: { how: 'folder', folder } } : undefined;
  },
  aws: ({ env }) => (isOnAws(env) ? onAws(env) : undefined),
};

export const PLACES: readonly string[] = Object.keys(LOOKS);

/** What each place needs, for whoever names one that is not here. */
const NEEDS: Readonly<Record<string, string>> = {
  github: 'GITHUB_ACTIONS is not set: this is no GitHub Actions job',
  gitlab: 'GITLAB_CI is not set: this is no GitLab job',
  circleci: 'CIRCLECI is not set: this is no CircleCI job',
  buildkite: 'BUILDKITE is not set: this is no Buildkite job',
  kubernetes: `neither ${TOKEN_FILE} nor ${TOKEN_FILE_DEFAULT} is there: mount a projected token whose audience is the broker`,
  'spiffe-socket': 'SPIFFE_ENDPOINT_SOCKET is not set',
  'spiffe-folder': 'SPIFFE_CREDENTIAL_FOLDER is not set',
  aws: NO_REGION,
};

/** All places that this is, in order. */
export const placesHere = (around: Surroundings): readonly Place[] =>
  Object.values(LOOKS).flatMap((look) => look(around) ?? []);

/** The place that was named: one of PLACES, `env:NAME` or `file:PATH`. Undefined where it is none of these. */
export function placeNamed(from: string, around: Surroundings): Place | undefined {
  // Named, it is asked for wherever AWS's own libraries find credentials.
  if (from === 'aws') return onAws(around.env);
  const look = Object.hasOwn(LOOKS, from) ? LOOKS[from] : undefined;
  if (look) return look(around) ?? { from, missing: NEEDS[from] ?? 'it is not here' };
  const [, kind, name = ''] = /^(env|file):(.+)$/s.exec(from) ?? [];
  if (kind === 'file') return { from: 'file', source: { how: 'file', file: name } };
  if (kind !== 'env' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return undefined;
  const text = around.env[name];
  return text
    ? { from: 'env', source: { how: 'variable', variable: name, text } }
    : { from: 'env', missing: `${name} is not set` };
}

function github({ env }: Surroundings): Place | undefined {
  const from = 'github';
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = env;
  if (url && bearer) return { from, source: { how: 'request', url, bearer } };
  if (!url && !bearer && !env.GITHUB_ACTIONS) return undefined;
  return {
    from,
    missing:
      'this job may not ask for an ID token: add `permissions: { id-token: write }` to the job or the workflow (a reusable workflow needs it from its caller; pull requests from forks never get it)',
  };
}

function gitlab({ env, issuer }: Surroundings): Place | undefined {
  if (!env.GITLAB_CI) return undefined;
  return (
    inVariable('gitlab', env, [OURS, sigstoreVariable(issuer)]) ?? {
      from: 'gitlab',
      missing: `this job has no ID token for the broker: add \`id_tokens: { ${OURS}: { aud: ${issuer} } }\` to the job`,
    }
  );
}

/** CircleCI's own variables are for the organization; a token for the broker is asked for in the job (docs/token.md). */
function circleci({ env, issuer }: Surroundings): Place | undefined {
  if (!env.CIRCLECI) return undefined;
  const mend = `in the job: export ${OURS}="$(circleci run oidc get --claims '{"aud":"${issuer}"}')"`;
  return (
    inVariable('circleci', env, [OURS, 'CIRCLE_OIDC_TOKEN_V2', 'CIRCLE_OIDC_TOKEN'], mend) ?? {
      from: 'circleci',
      missing: `this job has no OIDC token; ${mend}`,
    }
  );
}

/** No program is started from here: which `buildkite-agent` runs is the job's to say. */
function buildkite({ env, issuer }: Surroundings): Place | undefined {
  if (!env.BUILDKITE) return undefined;
  const mend = `in the step: export ${OURS}="$(buildkite-agent oidc request-token --audience ${issuer})"`;
  return (
    inVariable('buildkite', env, [OURS, 'BUILDKITE_OIDC_TOKEN'], mend) ?? {
      from: 'buildkite',
      missing: `this step has no OIDC token; ${mend}`,
    }
  );
}

function kubernetes({ env, exists }: Surroundings): Place | undefined {
  const file = env[TOKEN_FILE] || (exists(TOKEN_FILE_DEFAULT) ? TOKEN_FILE_DEFAULT : undefined);
  return file ? { from: 'kubernetes', source: { how: 'file', file } } : undefined;
}

const isOnAws = (env: Terminal['env']): boolean => AWS_COMPUTE.some((variable) => env[variable]);

function onAws(env: Terminal['env']): Place {
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION;
  return region ? { from: 'aws', source: { how: 'aws', region } } : { from: 'aws', missing: NO_REGION };
}

function inVariable(
  from: string,
  env: Terminal['env'],
  variables: readonly string[],
  mend?: string,
): Place | undefined {
  for (const variable of variables) {
    const text = env[variable];
    if (text) return { from, source: { how: 'variable', variable, text, ...(mend === undefined ? {} : { mend }) } };
  }
  return undefined;
}

/** Sigstore's convention: the audience in upper case, everything else an underscore. */
const sigstoreVariable = (audience: string): string => `${audience.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_ID_TOKEN`;
