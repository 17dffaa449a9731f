// What single kinds check beyond their tables: that a token is of the tenant that its issuer names, that it is a workload's and no
// person's, and how often one token may be spent.

import { beforeAll, describe, expect, it } from 'vitest';
import { TRUST_KINDS } from '../../src/compose-kinds.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { DECK, DECK_NOW, DECK_SOURCES, type Deck, loadDeck, PLATFORM_CLAIMS } from '../support/platform-deck.ts';
import { partsOf, settingsOf } from '../support/sources.ts';

const kindOf = (kind: string) => {
  const found = TRUST_KINDS.find((one) => one.kind === kind);
  if (!found) throw new Error(`no kind ${kind}`);
  return found;
};

let deck: Deck;
beforeAll(async () => {
  deck = await loadDeck();
});

const sourceOf = (source: string, from = deck) => {
  const found = from.configuration.sources.find(({ config }) => config.name === source);
  if (!found) throw new Error(`no source ${source}`);
  return found;
};

function assumed(name: string, change: JsonObject, from = deck): string {
  const { source = '' } = DECK[name] ?? {};
  const result = sourceOf(source, from).verifier.assume({ ...PLATFORM_CLAIMS[name], ...change });
  if (result.ok) return 'proved';
  return 'claim' in result.refusal ? `${result.refusal.reason} ${result.refusal.claim}` : result.refusal.reason;
}

async function verified(name: string, change: JsonObject, header: Record<string, unknown> = {}) {
  const { source = '' } = DECK[name] ?? {};
  const key = deck.keys.get(source);
  if (!key) throw new Error(`no key of ${source}`);
  const text = await key.sign({ ...PLATFORM_CLAIMS[name], ...change }, header);
  return deck.configuration.verifiers.verify({ text, tokenType: JWT_TOKEN_TYPE }, 'subject', DECK_NOW);
}

/** Each beside the claim set as it is, which is proved. */
const REFUSED: readonly (readonly [title: string, name: string, change: JsonObject, reason: string])[] = [
  [
    'an Azure DevOps token of another organization',
    'azure-devops-pipeline',
    { org_id: '5866526961b6' },
    'claim_invalid org_id',
  ],
  [
    'an Azure DevOps token with no organization but a slash',
    'azure-devops-pipeline',
    { org_id: '' },
    'claim_invalid org_id',
  ],
  [
    'an Azure DevOps service connection',
    'azure-devops-pipeline',
    { sub: 'sc://acme/payments/prod' },
    'claim_invalid sub',
  ],
  [
    'an Entra subject of a federated credential in Azure DevOps',
    'azure-devops-pipeline',
    { sub: '/eid1/c/pub/t/x/a/y/sc/1/2' },
    'claim_invalid sub',
  ],
  [
    'a CircleCI token of another organization',
    'circleci-v2',
    { 'oidc.circleci.com/org-id': '00000000-0000-4000-8000-000000000000' },
    'claim_invalid org-id',
  ],
  ['a CircleCI job with a shell', 'circleci-v2', { 'oidc.circleci.com/ssh-rerun': true }, 'claim_forbidden ssh-rerun'],
  ['a Fly sub with another Machine', 'fly-machine', { machine_name: 'other' }, 'claim_invalid sub'],
  ['a Fly sub with another app', 'fly-machine', { sub: 'example-org:other:example-machine' }, 'claim_invalid sub'],
  [
    'a Fly token of another organization',
    'fly-machine',
    { org_name: 'other', sub: 'other:example-app:example-machine' },
    'claim_invalid org_name',
  ],
  ['a Fly app of a fraction', 'fly-machine', { app_id: 1.5 }, 'claim_invalid app_id'],
  ['a Google person', 'google-gce-full', { email: 'somebody@example.com' }, 'claim_invalid email'],
  [
    'a Google person of a look-alike domain',
    'google-gce-full',
    { email: 'a@evilgserviceaccount.com' },
    'claim_invalid email',
  ],
  [
    'a Google address with two at signs',
    'google-gce-full',
    { email: 'a@b.com@x.iam.gserviceaccount.com' },
    'claim_invalid email',
  ],
  [
    'a Google address that nobody verified',
    'google-gce-full',
    { email_verified: false },
    'claim_invalid email_verified',
  ],
  ['a Google sub that is no number', 'google-gce-full', { sub: 'deployer' }, 'claim_invalid sub'],
  [
    "a person's session of an AWS role",
    'aws-outbound-lambda',
    aws({ identity_store_user_id: '1234567890-aaaa' }),
    'claim_forbidden identity_store_user_id',
  ],
  ['an AWS user', 'aws-outbound-lambda', { sub: 'arn:aws:iam::123456789012:user/ann' }, 'claim_invalid role'],
  [
    'the root of an AWS account',
    'aws-outbound-lambda',
    { sub: 'arn:aws:iam::123456789012:root' },
    'claim_invalid role',
  ],
  [
    'an AWS session',
    'aws-outbound-lambda',
    { sub: 'arn:aws:sts::123456789012:assumed-role/order-worker/s' },
    'claim_invalid role',
  ],
  [
    'an AWS role of another account',
    'aws-outbound-lambda',
    { sub: 'arn:aws:iam::210987654321:role/order-worker' },
    'claim_invalid account',
  ],
  [
    'an AWS account with a digit too few',
    'aws-outbound-lambda',
    aws({ aws_account: '12345678901' }),
    'claim_invalid account',
  ],
  [
    'an Entra token of another tenant',
    'entra-mi-v1-vm',
    { tid: '00000000-0000-4000-8000-000000000000' },
    'claim_invalid tid',
  ],
  ['an Entra tenant of no form', 'entra-mi-v1-vm', { tid: 'sts.windows.net' }, 'claim_invalid tid'],
  ['an Entra token of version 2 under an issuer of version 1', 'entra-mi-v1-vm', { ver: '2.0' }, 'claim_invalid ver'],
  ['an Entra token of version 1 under an issuer of version 2', 'entra-mi-v2-uami', { ver: '1.0' }, 'claim_invalid ver'],
  ['an Entra person, who has another sub', 'entra-mi-v1-vm', { sub: 'AAAApairwise' }, 'claim_invalid sub'],
  ['an Entra person, by the kind of token', 'entra-mi-v1-vm', { idtyp: 'user' }, 'claim_forbidden idtyp'],
  // A mutant lived that refused `user` only.
  ['an Entra token of a kind that nobody knows', 'entra-mi-v1-vm', { idtyp: 'device' }, 'claim_forbidden idtyp'],
  ['an Entra person, by the scopes', 'entra-mi-v1-vm', { scp: 'access_as_user' }, 'claim_forbidden scp'],
  [
    'a Forgejo run that outsiders can start',
    'forgejo-push',
    { event_name: 'issue_comment' },
    'claim_forbidden event_name',
  ],
  [
    'a Vercel token that was exchanged for another audience',
    'vercel-production',
    { act: { aud: 'https://vercel.com/acme' } },
    'claim_unsupported act',
  ],
];

function aws(change: JsonObject): JsonObject {
  const name = 'https://sts.amazonaws.com/';
  return { [name]: { ...(PLATFORM_CLAIMS['aws-outbound-lambda']?.[name] as JsonObject), ...change } };
}

describe('a kind of source', () => {
  it.each(REFUSED)('refuses %s', async (_title, name, change, reason) => {
    expect(assumed(name, change)).toBe(reason);
    expect(assumed(name, {})).toBe('proved');
    const signed = await verified(name, change);
    expect(!signed.ok && signed.refusal.reason).toBe(reason.split(' ')[0]);
  });

  it('never decides by what an AWS caller says of itself', async () => {
    const tags = (what: string) =>
      loadDeck(
        { aws: `${DECK['aws-outbound-lambda']?.options}, require: { "https://sts.amazonaws.com/": { ${what} } }` },
        deck.keys,
      ).then(
        () => 'loads',
        (error: unknown) => String(error),
      );
    expect(await tags('request_tags: { env: caller-chosen }')).toContain('must be a value, a list of values');
    expect(await tags('principal_tags: { team: orders }')).toBe('loads');
  });

  it('takes the ids of Fly as numbers and as texts, and knows texts', async () => {
    const result = await verified('fly-machine', { org_id: 11_111_111, app_id: 22 });
    expect(result.ok && [result.value.claims.org_id, result.value.claims.app_id, result.value.name]).toEqual([
      '11111111',
      '22',
      'fly:app_id:22',
    ]);
  });

  it('takes an Entra token that does not say what it is of, where it has no scopes', () => {
    const { idtyp: _i, ...claims } = PLATFORM_CLAIMS['entra-mi-v2-uami'] ?? {};
    expect(sourceOf('entra-two').verifier.assume(claims).ok).toBe(true);
  });

  it('takes a CircleCI token of the shared issuer where require names the tenant, whichever it is of', async () => {
    const shared = {
      circleci: 'issuer: https://oidc.circleci.com, require: { org-id: 7d3cd6d5-7d8a-4b8e-9a62-0b3f5a4e1c01 }',
    };
    const open = await loadDeck(shared, deck.keys);
    const iss = 'https://oidc.circleci.com';
    expect(assumed('circleci-v2', { iss }, open)).toBe('proved');
    expect(assumed('circleci-v2', { iss, 'oidc.circleci.com/org-id': 'x' }, open)).toBe('requirement_unmet org-id');
  });

  it('names a CircleCI pipeline without a repository by its definition, and a fork by its origin', async () => {
    const named = async (change: JsonObject) => {
      const { 'oidc.circleci.com/vcs-ref': _r, ...rest } = PLATFORM_CLAIMS['circleci-v2'] ?? {};
      const result = sourceOf('circleci').verifier.assume({ ...rest, ...change });
      return result.ok ? result.value.name.replace(/^circleci:project-id:[^:]+:/, '') : result.refusal.reason;
    };
    expect(await named({})).toBe('pipeline-definition-id:12121212-3434-4565-8787-909090909090');
    const ref = { 'oidc.circleci.com/vcs-ref': 'refs/heads/main' };
    expect(await named({ ...ref, 'oidc.circleci.com/vcs-origin': 'github.com/mallory/repo-1' })).toBe(
      'vcs-origin:github.com/mallory/repo-1:vcs-ref:refs/heads/main',
    );
  });

  it.each([
    ['github-push-legacy-sub', 'once'],
    ['gitlab-push', 'once-per-target'],
    ['buildkite-default', 'once'],
    ['circleci-v2', 'reusable'],
    ['bitbucket-deploy', 'reusable'],
    ['azure-devops-pipeline', 'once'],
    ['hcp-terraform-apply', 'once-per-target'],
    ['spacelift-tracked', 'once-per-target'],
    ['vercel-production', 'reusable'],
    ['fly-machine', 'once'],
    ['forgejo-push', 'once'],
    ['k8s-projected', 'reusable'],
    ['spire-jwt-svid', 'reusable'],
    ['google-gce-full', 'reusable'],
    ['aws-outbound-lambda', 'once'],
    ['entra-mi-v1-vm', 'reusable'],
  ])('A-53 spends a token of %s %s, whether or not it has a jti', async (name, replay) => {
    const { jti: _jti, ...claims } = PLATFORM_CLAIMS[name] ?? {};
    const { source = '' } = DECK[name] ?? {};
    const text = await deck.keys.get(source)?.sign({ ...claims });
    const [bare, whole] = [
      await deck.configuration.verifiers.verify({ text: text ?? '', tokenType: JWT_TOKEN_TYPE }, 'subject', DECK_NOW),
      await verified(name, { jti: 'one' }),
    ];
    expect(whole.ok && [whole.value.proof.replay, whole.value.proof.jti]).toEqual([replay, 'one']);
    const optional = ['buildkite', 'forgejo', 'circleci', 'bitbucket', 'vercel', 'google', 'entra'];
    const { kind = '' } = DECK[name] ?? {};
    if (optional.includes(kind)) expect(bare.ok && bare.value.proof.jti).toMatch(/^sha256:[0-9a-f]{64}$/);
    else if (replay === 'reusable') expect(bare.ok && bare.value.proof.jti).toBeUndefined();
    else expect(!bare.ok && bare.refusal).toMatchObject({ reason: 'claim_missing', claim: 'jti' });
  });

  it.each(DECK_SOURCES)('A-50 bounds how long a token of %s lives', async (name, { kind }) => {
    const max = kindOf(kind).table.lifetimeSecondsMax;
    const longest = await verified(name, { iat: DECK_NOW, exp: DECK_NOW + max });
    expect(longest.ok).toBe(true);
    const longer = await verified(name, { iat: DECK_NOW, exp: DECK_NOW + max + 1 });
    expect(!longer.ok && longer.refusal).toMatchObject({ reason: 'lifetime_too_long', secondsMax: max });
  });
});

describe('who learns why', () => {
  const tell = async (kind: string, more = {}, options: Readonly<Record<string, unknown>> = {}) => {
    const found = kindOf(kind);
    const issuer = PLATFORM_CLAIMS[DECK_SOURCES.find(([, card]) => card.kind === kind)?.[0] ?? '']?.iss;
    const written = { ...(Object.hasOwn(found.options.shape, 'issuer') && { issuer }), ...options };
    return found.create(settingsOf(kind, more), found.options.parse(written), await partsOf()).tell;
  };

  it.each(['circleci', 'azure-devops', 'aws'])(
    'is the caller where the issuer of %s is one tenant for good',
    async (kind) => {
      expect(await tell(kind)).toBe('caller');
    },
  );

  it.each(['github', 'buildkite', 'google', 'vercel', 'fly', 'spacelift', 'bitbucket', 'forgejo', 'hcp-terraform'])(
    'is the operator where the issuer of %s is everybody, or whoever has a name now',
    async (kind) => {
      expect(await tell(kind)).toBe('operator');
      expect(await tell(kind, {}, { privateNetwork: true })).toBe('caller');
    },
  );

  it('is the caller where require names the tenant', async () => {
    expect(await tell('buildkite', { require: { organization_id: 'x' } })).toBe('caller');
    expect(await tell('buildkite', { require: { build_branch: 'x' } })).toBe('operator');
    expect(await tell('circleci', {}, { issuer: 'https://oidc.circleci.com' })).toBe('operator');
  });
});

it('a Buildkite token as it is seen in the field is taken: no typ, and null for what a build has not', async () => {
  const seen = await verified('buildkite-default', { build_tag: null, step_key: null }, { typ: undefined });
  expect(seen.ok).toBe(true);
  const unbuilt = await verified('buildkite-default', { pipeline_id: null }, { typ: undefined });
  expect(unbuilt).toMatchObject({ refusal: { reason: 'claim_invalid', claim: 'pipeline_id' } });
});
