// What each kind of source may be configured with: the issuers that its platform gives, the audience that it fixes, and what is said
// of an issuer that no token will ever bear.

import { beforeAll, describe, expect, it } from 'vitest';
import { TRUST_KINDS } from '../../src/compose-kinds.ts';
import { type Deck, loadDeck } from '../support/platform-deck.ts';

const ORG = '0ca3ddd9-f0b0-4635-a98c-5866526961b6';
const HEX = '8EBD0123456789ABCDEF0123456789AB';
const kindOf = (kind: string) => {
  const found = TRUST_KINDS.find((one) => one.kind === kind);
  if (!found) throw new Error(`no kind ${kind}`);
  return found;
};

let deck: Deck;
beforeAll(async () => {
  deck = await loadDeck();
});

/** The messages about these options, or the issuer that they come to. */
function read(kind: string, options: Readonly<Record<string, unknown>>): readonly string[] | string {
  const parsed = kindOf(kind).options.safeParse(options);
  return parsed.success
    ? kindOf(kind).issuer(parsed.data, 'https://sts.example')
    : parsed.error.issues.map(({ message }) => message);
}

const GITHUB = 'https://token.actions.githubusercontent.com';
const ISSUERS: readonly (readonly [kind: string, issuer: string])[] = [
  ['github', GITHUB],
  ['github', `${GITHUB}/octo-ent`],
  ['github', 'https://token.actions.octo.ghe.com'],
  ['github', 'https://git.example/_services/token'],
  ['gitlab', 'https://gitlab.example'],
  ['circleci', `https://oidc.circleci.com/org/${ORG}`],
  ['circleci', 'https://oidc.circleci.com'],
  ['circleci', 'https://circleci.example/org/1'],
  ['bitbucket', 'https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc'],
  ['azure-devops', `https://vstoken.dev.azure.com/${ORG}`],
  ['forgejo', 'https://codeberg.org/api/actions'],
  ['forgejo', 'https://git.example/forge/api/actions'],
  ['hcp-terraform', 'https://app.eu.terraform.io'],
  ['spacelift', 'https://demo.app.spacelift.io'],
  ['spacelift', 'https://demo.app.us.spacelift.io'],
  ['spacelift', 'https://spacelift.example'],
  ['vercel', 'https://oidc.vercel.com/acme'],
  ['fly', 'https://oidc.fly.io/example-org'],
  ['kubernetes', `https://oidc.eks.eu-west-1.amazonaws.com/id/${HEX}`],
  ['kubernetes', `https://oidc.eks.cn-north-1.amazonaws.com.cn/id/${HEX}`],
  ['kubernetes', `https://eastus.oic.prod-aks.azure.com/${ORG}/${ORG}/`],
  ['kubernetes', `https://oidc.prod-aks.azure.com/${ORG}/`],
  ['kubernetes', 'https://container.googleapis.com/v1/projects/p-1/locations/europe-west1/clusters/c'],
  ['kubernetes', 'https://cluster.example/'],
  ['aws', `https://${ORG}.tokens.sts.global.api.aws`],
];

const NO_ISSUERS: readonly (readonly [kind: string, issuer: string, says: string])[] = [
  ['github', `${GITHUB}/`, 'with the slug of an enterprise'],
  ['github', `${GITHUB}/a/b`, 'with the slug of an enterprise'],
  ['github', 'https://actions.githubusercontent.com', 'with the slug of an enterprise'],
  ['github', 'https://octo.ghe.com/_services/token', 'https://token.actions.SUBDOMAIN.ghe.com'],
  ['github', 'https://git.example', 'https://HOST/_services/token'],
  ['github', 'https://git.example/_services/token/', 'https://HOST/_services/token'],
  ['circleci', 'https://oidc.circleci.com/org/acme', 'the id of the organization'],
  ['circleci', 'https://oidc.circleci.com/', 'the id of the organization'],
  ['bitbucket', 'https://api.bitbucket.org/2.0/workspaces/acme', 'pipelines-config/identity/oidc'],
  ['bitbucket', 'https://bitbucket.example/2.0/workspaces/a/pipelines-config/identity/oidc', 'api.bitbucket.org'],
  ['azure-devops', 'https://vstoken.dev.azure.com/acme', 'the id of the organization'],
  ['azure-devops', `https://vstoken.dev.azure.com/${ORG.toUpperCase()}`, 'in lower case'],
  ['forgejo', 'https://codeberg.org', 'https://HOST/api/actions'],
  ['spacelift', 'https://demo.app.spacelift.io/', 'https://ACCOUNT.app.spacelift.io'],
  ['spacelift', 'https://spacelift.io', 'https://ACCOUNT.app.spacelift.io'],
  ['vercel', 'https://oidc.vercel.com/', 'https://oidc.vercel.com/TEAM'],
  ['vercel', 'https://vercel.com/acme', 'https://oidc.vercel.com/TEAM'],
  ['fly', 'https://oidc.fly.io/personal', '`personal` is an alias'],
  ['fly', 'https://oidc.fly.io', 'https://oidc.fly.io/ORGANIZATION'],
  ['kubernetes', `https://oidc.eks.eu-west-1.amazonaws.com/id/${HEX.toLowerCase()}`, 'upper-case hex'],
  ['kubernetes', `https://oidc.eks.eu-west-1.amazonaws.com/id/${HEX}/`, 'upper-case hex'],
  ['kubernetes', `https://eastus.oic.prod-aks.azure.com/${ORG}/${ORG}`, 'with its last slash on AKS'],
  ['kubernetes', 'https://container.googleapis.com/v1/projects/p/zones/z/clusters/c', 'on GKE'],
  ['aws', 'https://sts.amazonaws.com', 'https://UUID.tokens.sts.global.api.aws'],
  ['aws', `https://${ORG}.tokens.sts.global.api.aws/`, 'https://UUID.tokens.sts.global.api.aws'],
  ['entra', 'https://login.microsoftonline.com/common/v2.0', 'never common'],
  ['entra', 'https://login.microsoftonline.com/{tenantid}/v2.0', 'never common'],
  ['entra', `https://login.microsoftonline.com/${ORG}`, 'https://login.microsoftonline.com/TENANT/v2.0'],
  ['entra', `https://sts.windows.net/${ORG}`, 'with its last slash'],
];

const more = (kind: string) => (kind === 'entra' ? { audience: 'api://exchequer.example' } : {});

describe('an issuer', () => {
  it.each(ISSUERS)('of kind %s: %s loads', (kind, issuer) => {
    expect(read(kind, { issuer })).toBe(issuer);
  });

  it.each([`https://sts.windows.net/${ORG}/`, `https://login.microsoftonline.us/${ORG}/v2.0`])(
    'of kind entra: %s loads',
    (issuer) => {
      expect(read('entra', { issuer, ...more('entra') })).toBe(issuer);
    },
  );

  it.each(NO_ISSUERS)('of kind %s: %s does not load', (kind, issuer, says) => {
    expect(read(kind, { issuer, ...more(kind) })).toEqual([expect.stringContaining(says)]);
  });

  it.each(['https://İ.ghe.com', 'http://git.example/_services/token', 'https://git.example/_services/token?x'])(
    'A-123 of GitHub: %s is no issuer at all',
    (issuer) => {
      expect(read('github', { issuer })).not.toBe(issuer);
    },
  );

  it('is what most have where none is written, and one for everybody where there is no other', () => {
    expect(read('github', {})).toBe(GITHUB);
    expect(read('gitlab', {})).toBe('https://gitlab.com');
    expect(read('hcp-terraform', {})).toBe('https://app.terraform.io');
    expect(read('buildkite', {})).toBe('https://agent.buildkite.com');
    expect(read('google', {})).toBe('https://accounts.google.com');
    for (const kind of ['buildkite', 'google']) expect(Object.keys(kindOf(kind).options.shape)).not.toContain('issuer');
  });

  it('of an enterprise on github.com is made of its slug, which is no path and stands alone', () => {
    expect(read('github', { enterprise: 'octo-ent' })).toBe(`${GITHUB}/octo-ent`);
    for (const enterprise of ['', 'a/b', '../x', 'a?b', '.'])
      expect(read('github', { enterprise })).toEqual(['must be the slug of an enterprise on github.com']);
    expect(read('github', { enterprise: 'octo-ent', issuer: GITHUB })).toEqual([
      expect.stringContaining('stands beside `issuer`'),
    ]);
  });
});

describe('a source of signed requests', () => {
  const MORE =
    '  aws-more: { kind: aws-caller-identity, regions: [us-east-1], audience: https://more.example, require: { account: "1" } }';
  const load = (options: string, more = '') =>
    loadDeck({}, deck.keys, `  signed: { kind: aws-caller-identity, ${options} }\n${more}`).then(
      ({ configuration }) => configuration.config.sources.at(-1)?.audience,
      (error: unknown) => String(error),
    );
  const GOOD = 'regions: [eu-west-1, aws-global], require: { account: ["111122223333"] }';

  it('asks only regions that are listed, for accounts that are, under an audience that a header can hold', async () => {
    expect(await load(GOOD)).toBe('https://broker.example.com');
    expect(await load(`${GOOD}, audience: https://other.example`)).toBe('https://other.example');
    expect(await load(GOOD.replace('eu-west-1', 'evil.example/x'))).toContain('must be a region of AWS');
    expect(await load(GOOD.replace('[eu-west-1, aws-global]', '[]'))).toContain('must name at least one region');
    expect(await load('regions: [eu-west-1]')).toContain('require must have an exact account');
    expect(await load(`${GOOD}, audience: "a b"`)).toContain('it is the value of a header');
  });

  it('is the only one: nothing in a request names a source', async () => {
    expect(await load(GOOD, MORE)).toContain('is of the kind of `signed`');
  });
});

describe('an audience', () => {
  it('is what the platform fixes where none is written, and our issuer elsewhere', async () => {
    const { configuration } = deck;
    const audiences = Object.fromEntries(configuration.config.sources.map(({ name, audience }) => [name, audience]));
    expect(audiences).toMatchObject({
      'azure-devops': 'api://AzureADTokenExchange',
      spacelift: 'demo.app.spacelift.io',
      vercel: 'https://vercel.com/acme',
      github: 'https://broker.example.com',
      fly: 'https://broker.example.com',
    });
  });

  it('may be written instead', async () => {
    const written = 'issuer: https://oidc.vercel.com/acme, audience: https://other.example';
    const { configuration } = await loadDeck({ vercel: written }, deck.keys);
    expect(configuration.config.sources.find(({ name }) => name === 'vercel')?.audience).toBe('https://other.example');
  });

  it('must be written where the global issuer of Vercel names no team', () => {
    const issuer = 'https://oidc.vercel.com';
    expect(read('vercel', { issuer })).toEqual([expect.stringContaining('must be written beside the global issuer')]);
    expect(read('vercel', { issuer, audience: 'https://vercel.com/acme' })).toBe(issuer);
  });

  it.each([
    'https://management.azure.com/',
    'https://management.azure.com',
    'https://graph.microsoft.com',
    'api://AzureADTokenExchange',
  ])("of Entra is never %s, for which others' tokens are", (audience) => {
    const issuer = `https://login.microsoftonline.com/${ORG}/v2.0`;
    expect(read('entra', { issuer, audience })).toEqual([expect.stringContaining('an application of your own')]);
    expect(read('entra', { issuer, audience: 'api://exchequer.example' })).toBe(issuer);
  });
});

describe('accessTokenTyp of an oidc source', () => {
  const options = { issuer: 'https://login.example', subjects: 'people', accessTokenTyp: 'optional' };

  it('is for one that takes access tokens, and no ID tokens, which nothing else would tell from them', () => {
    for (const tokens of [['access_token'], ['access_token', 'jwt']])
      expect(read('oidc', { ...options, tokens })).toBe('https://login.example');
    for (const tokens of [['jwt'], ['id_token'], ['access_token', 'id_token']])
      expect(read('oidc', { ...options, tokens })).toEqual([expect.stringContaining('could they be told apart')]);
  });
});
