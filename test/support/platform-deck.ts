// One source and one rule for every claim set of test/vectors/platform-claims.json, as an operator writes them, loaded by the code that
// loads configuration; each source has a key of its own.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createPlatformKey, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { type Configuration, offlineReach, readConfiguration } from '../../src/compose-configuration.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { placeExample } from './examples.ts';

/** 2026-09-21: `iat` of every claim set. */
export const DECK_NOW = 1_790_000_000;
const AUDIENCE = 'https://broker.example.com';
const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';

export const PLATFORM_CLAIMS: Readonly<Record<string, JsonObject>> = JSON.parse(
  readFileSync(new URL('../vectors/platform-claims.json', import.meta.url), 'utf8'),
);

export interface DeckCard {
  readonly source: string;
  readonly kind: string;
  /** Options of the source beside its kind and keys, as they stand in YAML. */
  readonly options?: string;
  /** The subject of the rule, without its `trust`. */
  readonly subject: string;
  /** The principal's name. */
  readonly name: string;
}

/** By claim set. Sources that stand twice are one source. */
export const DECK: Readonly<Record<string, DeckCard>> = {
  'github-push-legacy-sub': {
    source: 'github',
    kind: 'github',
    options: 'require: { repository_owner_id: 65 }',
    subject:
      'github: { repository: Octo-Org/octo-repo, repository_id: 74, ref: refs/heads/main, event_name: [push, release, schedule], runner_environment: github-hosted }',
    name: 'github:repository_id:74:ref:refs/heads/main',
  },
  'github-env-immutable-sub-reusable': {
    source: 'github',
    kind: 'github',
    options: 'require: { repository_owner_id: 65 }',
    subject:
      'github: { repository_id: 74, environment: production, ref: refs/heads/main, event_name: [push, workflow_dispatch, release], job_workflow_sha: 1f2e3d4c5b6a79880716253443526170f0e1d2c3 }, claims: { repo_property_tier: prod }',
    name: 'github:repository_id:74:environment:production',
  },
  'gitlab-push': {
    source: 'gitlab',
    kind: 'gitlab',
    options: 'require: { namespace_id: 72 }',
    subject:
      'gitlab: { project_id: 20, job_project_id: 20, project_path: My-Group/my-project, ref_path: refs/heads/main, ref_protected: true, environment: production, pipeline_source: [push, web, schedule] }',
    name: 'gitlab:project_id:20:ref_path:refs/heads/main',
  },
  'buildkite-default': {
    source: 'buildkite',
    kind: 'buildkite',
    options: 'require: { organization_id: f892efa9-103e-4d28-97a1-3b8616a0994d }',
    subject:
      'buildkite: { pipeline_id: 0184990a-4782-42b5-afc1-16715b10b100, build_branch: main, build_source: [webhook, schedule, trigger_job], build_number: 1 }',
    name: 'buildkite:pipeline_id:0184990a-4782-42b5-afc1-16715b10b100:build_branch:main',
  },
  'circleci-v2': {
    source: 'circleci',
    kind: 'circleci',
    options: 'issuer: https://oidc.circleci.com/org/7d3cd6d5-7d8a-4b8e-9a62-0b3f5a4e1c01',
    subject:
      'circleci: { org-id: 7d3cd6d5-7d8a-4b8e-9a62-0b3f5a4e1c01, project-id: 2b3c4d5e-6f70-4811-9223-34455667788a, pipeline-definition-id: 12121212-3434-4565-8787-909090909090, context-ids: { has: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee }, vcs-origin: github.com/organization-123/repo-1, vcs-ref: refs/heads/main, ssh-rerun: false }',
    name: 'circleci:project-id:2b3c4d5e-6f70-4811-9223-34455667788a:vcs-origin:github.com/organization-123/repo-1:vcs-ref:refs/heads/main',
  },
  'bitbucket-deploy': {
    source: 'bitbucket',
    kind: 'bitbucket',
    options:
      'issuer: https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc, otherAudiences: allow',
    subject:
      'bitbucket: { workspaceUuid: "{11111111-2222-4333-8444-555555555555}", repositoryUuid: "{0aa0aa0a-1111-4222-8333-444455556666}", deploymentEnvironmentUuid: "{deaddead-0000-4000-8000-000000000001}" }',
    name: 'bitbucket:repositoryUuid:%7B0aa0aa0a-1111-4222-8333-444455556666%7D:deploymentEnvironmentUuid:%7Bdeaddead-0000-4000-8000-000000000001%7D',
  },
  'azure-devops-pipeline': {
    source: 'azure-devops',
    kind: 'azure-devops',
    options: 'issuer: https://vstoken.dev.azure.com/0ca3ddd9-f0b0-4635-a98c-5866526961b6',
    subject: 'azure-devops: { prj_id: 271ef6f7-5998-4b0a-86fb-4b54d9129990, def_id: 42, rpo_ref: refs/heads/main }',
    name: 'azure-devops:prj_id:271ef6f7-5998-4b0a-86fb-4b54d9129990:def_id:42:rpo_ref:refs/heads/main',
  },
  'hcp-terraform-apply': {
    source: 'terraform',
    kind: 'hcp-terraform',
    options: 'require: { organization_id: org-GRNbCjYNpBB6NEH9 }',
    subject: 'hcp-terraform: { workspace_id: ws-mbsd5E3Ktt5Rg2Xm, run_phase: apply }',
    name: 'terraform:workspace_id:ws-mbsd5E3Ktt5Rg2Xm:run_phase:apply',
  },
  'spacelift-tracked': {
    source: 'spacelift',
    kind: 'spacelift',
    options: 'issuer: https://demo.app.spacelift.io',
    subject: 'spacelift: { callerType: stack, callerId: infra, runType: TRACKED, scope: write }',
    name: 'spacelift:callerType:stack:callerId:infra:runType:TRACKED:scope:write',
  },
  'vercel-production': {
    source: 'vercel',
    kind: 'vercel',
    options: 'issuer: https://oidc.vercel.com/acme',
    subject:
      'vercel: { owner_id: team_7Gw5ZMzpQA8h90F832KGp7nwbuh3, project_id: prj_7Gw5ZMBpQA8h9GF832KGp7nwbuh3, environment: production }',
    name: 'vercel:project_id:prj_7Gw5ZMBpQA8h9GF832KGp7nwbuh3:environment:production',
  },
  'fly-machine': {
    source: 'fly',
    kind: 'fly',
    options: 'issuer: https://oidc.fly.io/example-org',
    subject: 'fly: { org_id: 11111111, app_id: 11111111, sub: "example-org:example-app:*" }',
    name: 'fly:app_id:11111111',
  },
  'forgejo-push': {
    source: 'codeberg',
    kind: 'forgejo',
    options: 'issuer: https://codeberg.org/api/actions, require: { repository_owner_id: 123456 }',
    subject: 'forgejo: { repository_id: 456789, ref: refs/heads/main, event_name: push }',
    name: 'codeberg:repository_id:456789:ref:refs/heads/main',
  },
  'k8s-projected': {
    source: 'eks',
    kind: 'kubernetes',
    options: 'issuer: https://oidc.eks.us-west-2.amazonaws.com/id/8EBD0123456789ABCDEF0123456789AB',
    subject: 'kubernetes: { namespace: payments, serviceaccount: api, uid: f5720c1d-e152-4356-a897-11b07aff165d }',
    name: 'eks:system:serviceaccount:payments:api',
  },
  'spire-jwt-svid': {
    source: 'mesh',
    kind: 'spiffe',
    options: 'trustDomain: example.org, bundle: { file: ./keys/mesh.bundle }',
    subject: 'sub: "spiffe://example.org/ns/payments/sa/*"',
    name: 'spiffe://example.org/ns/payments/sa/api',
  },
  'google-gce-full': {
    source: 'google',
    kind: 'google',
    subject:
      'google: { sub: "103923486725347586453", email: deployer@my-project.iam.gserviceaccount.com, project_number: 123456789012 }',
    name: 'google:103923486725347586453',
  },
  'aws-outbound-lambda': {
    source: 'aws',
    kind: 'aws',
    options: 'issuer: https://a1b2c3d4-5678-90ab-cdef-111122223333.tokens.sts.global.api.aws',
    subject:
      'aws: { account: "123456789012", role: arn:aws:iam::123456789012:role/service-role/order-worker, org_id: o-abcdefghij, lambda_source_function_arn: arn:aws:lambda:eu-west-1:123456789012:function:order-worker }',
    name: 'aws:arn:aws:iam::123456789012:role/service-role/order-worker',
  },
  'entra-mi-v1-vm': {
    source: 'entra-one',
    kind: 'entra',
    options: `issuer: https://sts.windows.net/${TENANT}/, audience: api://broker.example.com`,
    subject: `entra: { tid: ${TENANT}, oid: 9f5e9a3c-aaaa-4bbb-8ccc-ddddeeeeffff, idtyp: app }`,
    name: 'entra-one:oid:9f5e9a3c-aaaa-4bbb-8ccc-ddddeeeeffff',
  },
  'entra-mi-v2-uami': {
    source: 'entra-two',
    kind: 'entra',
    options: `issuer: https://login.microsoftonline.com/${TENANT}/v2.0, audience: 5f1f1f1f-1111-4222-8333-444455556666`,
    subject: 'entra: { oid: 9f5e9a3c-aaaa-4bbb-8ccc-ddddeeeeffff }',
    name: 'entra-two:oid:9f5e9a3c-aaaa-4bbb-8ccc-ddddeeeeffff',
  },
};

/** Claim sets that one source proves, the first of each source. */
export const DECK_SOURCES: readonly (readonly [string, DeckCard])[] = Object.entries(DECK).filter(
  ([, card], index, all) => all.findIndex(([, { source }]) => source === card.source) === index,
);

export interface Deck {
  readonly configuration: Configuration;
  /** By source. */
  readonly keys: ReadonlyMap<string, PlatformKey>;
}

/**
 * The configuration of these cards; `changed` replaces options of a source, `more` are sources beside them. Keys take long to make:
 * hand on what there is.
 */
export async function loadDeck(
  changed: Readonly<Record<string, string>> = {},
  known?: Deck['keys'],
  more = '',
): Promise<Deck> {
  const keys = known ?? (await makeKeys());
  const file = await placeExample(configurationText(changed, more), [policyText()]);
  try {
    mkdirSync(join(dirname(file), 'keys'));
    for (const [source, { jwk }] of keys)
      for (const name of [`${source}.jwks`, `${source}.bundle`])
        writeFileSync(join(dirname(file), 'keys', name), JSON.stringify({ keys: [jwk] }));
    const world = {
      clock: { nowSeconds: () => DECK_NOW, elapsedMs: () => 0 },
      randomBytes: (count: number) => new Uint8Array(count),
      env: {},
    };
    const read = await readConfiguration(world, file, offlineReach(world));
    if (!read.ok) throw new Error(read.problems.map(({ path, message }) => `${path} ${message}`).join('\n'));
    return { configuration: read.configuration, keys };
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

async function makeKeys(): Promise<Deck['keys']> {
  const keys = new Map<string, PlatformKey>();
  for (const [, { source, kind }] of DECK_SOURCES)
    keys.set(source, await (kind === 'spiffe' ? createPlatformKey('ES256', 'jwt-svid') : createPlatformKey('RS256')));
  return keys;
}

const configurationText = (changed: Readonly<Record<string, string>>, more: string): string => `issuer: ${AUDIENCE}
listen: { address: 127.0.0.1:8443, tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: 127.0.0.1:9464 }
control: { socket: ./control.sock }
trust:
${DECK_SOURCES.map(([, card]) => `  ${card.source}: { ${sourceText(card, changed[card.source])} }`).join('\n')}
${more}
targets: { deploy: { kind: token, audience: https://deploy.example } }
policies: [./policies]
store: { directory: ./state }
keys: { directory: ./signing }
audit: { to: stdout }
`;

function sourceText({ source, kind, options }: DeckCard, changed: string | undefined): string {
  const keys = kind === 'spiffe' ? '' : `, jwks: { file: ./keys/${source}.jwks }`;
  return [`kind: ${kind}${keys}`, changed ?? options].filter((text) => text !== undefined).join(', ');
}

const policyText = (): string =>
  `rules:\n${Object.entries(DECK)
    .map(
      ([name, { source, subject }]) =>
        `  - { name: ${name}, subject: { trust: ${source}, ${subject} }, allow: [deploy] }`,
    )
    .join('\n')}\n`;
