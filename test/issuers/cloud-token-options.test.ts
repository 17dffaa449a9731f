// What targets of kind `gcp` and `azure` may say, and what of it does not load; and what policy is told of them.

import { describe, expect, it } from 'vitest';
import { azureTarget } from '../../src/issuers/azure.ts';
import { gcpTarget } from '../../src/issuers/gcp.ts';
import { CLOUD_PLATFORM, PROVIDER } from '../support/google-requests.ts';
import { CLIENT_ID, LAKE, TENANT, VAULT } from '../support/token-world.ts';

const HOUR = 3_600;
const READ_ONLY = 'https://www.googleapis.com/auth/devstorage.read_only';
const lake = { provider: PROVIDER, serviceAccount: LAKE };
const vault = { tenant: TENANT, clientId: CLIENT_ID, resource: VAULT };

type Written = Readonly<Record<string, unknown>>;

/** The places and the words of what is wrong; none where it loads. */
const problems = (kind: typeof gcpTarget | typeof azureTarget, written: Written): readonly string[] => {
  const read = kind.options.safeParse(written);
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
};
const ofGoogle = (change: Written = {}) => problems(gcpTarget, { ...lake, ...change });
const ofAzure = (change: Written = {}) => problems(azureTarget, { ...vault, ...change });
const termsOfGoogle = (change: Written = {}) => gcpTarget.terms(gcpTarget.options.parse({ ...lake, ...change }));
const termsOfAzure = (change: Written = {}) => azureTarget.terms(azureTarget.options.parse({ ...vault, ...change }));

describe('a target of kind gcp', () => {
  it('loads with a provider alone, and with everything', () => {
    expect(problems(gcpTarget, { provider: PROVIDER })).toEqual([]);
    const everything = {
      audience: 'https://sts.example/google',
      scopes: { [CLOUD_PLATFORM]: {}, [READ_ONLY]: { confirm: { acr: ['mfa'] } }, openid: {} },
      defaultScopes: [READ_ONLY],
      lifetime: '12h',
      endpoints: { sts: 'https://sts.private.example', iamcredentials: 'https://iam.private.example' },
      privateNetwork: true,
    };
    expect(ofGoogle(everything)).toEqual([]);
  });

  it.each([
    ['a project by its name', PROVIDER.replace('123456789012', 'example-data')],
    ['an https address', PROVIDER.replace('//', 'https://')],
    ['a parameter', PROVIDER.replace('exchequer', '<name>')],
    ['a pool without a provider', PROVIDER.replace(/\/providers.*/, '')],
    ['something behind it', `${PROVIDER}/x`],
    ['a line end', `${PROVIDER}\n`],
  ])('A-167 names one provider, byte for byte: %s is none', (_, provider) => {
    const [problem, ...others] = ofGoogle({ provider });
    expect(problem).toMatch(/^provider: must be the resource name of a provider, with the number of its project/);
    expect(others).toEqual([]);
  });

  it.each([
    'lake@example-data.example',
    'lake',
    '<a>@evil.example',
    'la/ke@example-data.iam.gserviceaccount.com',
    'lake@example-data.iam.gserviceaccount.com:generateAccessToken',
    '*@example-data.iam.gserviceaccount.com',
  ])('A-167 takes on one service account: %s is none', (serviceAccount) => {
    expect(ofGoogle({ serviceAccount })).toEqual([
      'serviceAccount: must be the e-mail address of a service account, such as lake@example-data.iam.gserviceaccount.com',
    ]);
  });

  it.each([
    'lake@example-data.iam.gserviceaccount.com',
    '<team>-lake@<project>.iam.gserviceaccount.com',
    '123456789012-compute@developer.gserviceaccount.com',
    'lake@example-data.corp.example.iam.gserviceaccount.com',
  ])('has a service account with or without parameters: %s', (serviceAccount) => {
    expect(ofGoogle({ serviceAccount })).toEqual([]);
  });

  it('CG-06 lives an hour without a service account, and between a minute and twelve hours with one', () => {
    const itself = { serviceAccount: undefined };
    const fixed = 'must be 3600 seconds without `serviceAccount`: Google gives an hour, whatever is asked';
    expect(ofGoogle({ ...itself, lifetime: '1h', require: { lifetimeMax: '2h' } })).toEqual([]);
    expect(ofGoogle({ ...itself, lifetime: '30m' })).toEqual([`lifetime: ${fixed}`]);
    expect(ofGoogle({ ...itself, lifetime: '2h' })).toEqual([`lifetime: ${fixed}`]);
    expect(ofGoogle({ ...itself, require: { lifetimeMax: '30m' } })).toEqual([`require.lifetimeMax: ${fixed}`]);
    expect(ofGoogle({ lifetime: '1m' })).toEqual([]);
    expect(ofGoogle({ lifetime: '59s' })).toEqual([
      "lifetime: is under the cloud's floor: it gives 60 seconds at least",
    ]);
    expect(ofGoogle({ lifetime: '13h' })).toEqual(['lifetime: must be at most 43200 seconds']);
    expect(termsOfGoogle()).toMatchObject({
      lifetimeSecondsMax: HOUR,
      cloud: { floorSeconds: 60, outlive: true },
    });
    expect(termsOfGoogle(itself)).toMatchObject({
      lifetimeSecondsMax: HOUR,
      cloud: { floorSeconds: HOUR, outlive: true },
    });
  });

  it('has scopes of Google’s, cloud-platform unless written, and grants one where none is asked for', () => {
    expect(termsOfGoogle()).toMatchObject({ scopes: [CLOUD_PLATFORM], defaultScopes: [CLOUD_PLATFORM] });
    const both = { scopes: { [READ_ONLY]: {}, [CLOUD_PLATFORM]: {} } };
    expect(termsOfGoogle(both)).toMatchObject({ defaultScopes: [CLOUD_PLATFORM] });
    expect(termsOfGoogle({ ...both, defaultScopes: [READ_ONLY] })).toMatchObject({ defaultScopes: [READ_ONLY] });
    const narrow = { scopes: { [READ_ONLY]: { confirm: { acr: ['mfa'] } } } };
    expect(termsOfGoogle(narrow)).toMatchObject({
      scopes: [READ_ONLY],
      defaultScopes: [READ_ONLY],
      scopeConfirms: { [READ_ONLY]: { acr: ['mfa'] } },
    });
    expect(ofGoogle({ scopes: {} })).toEqual(['scopes: must name at least one scope']);
    expect(ofGoogle({ defaultScopes: [READ_ONLY] })).toEqual([
      `defaultScopes.0: ${READ_ONLY} is none of the target's scopes`,
    ]);
    expect(ofGoogle({ scopes: { 'a b': {} } })[0]).toMatch(/^scopes\.a b: /);
  });

  it('is asked for by its service account, or by its name, and never by its provider', () => {
    const chosen = (written: Written) => gcpTarget.options.parse(written);
    expect(gcpTarget.address(chosen(lake), 'lake')).toBe(LAKE);
    expect(gcpTarget.address(chosen({ provider: PROVIDER }), 'lake')).toBe('lake');
  });

  it('that delivers assertions has no scopes, asks nobody, and lives five minutes', () => {
    const delivers = { deliver: 'assertion' };
    const message = 'cannot be kept where `deliver: assertion` is written';
    expect(ofGoogle(delivers)).toEqual([]);
    expect(ofGoogle({ ...delivers, serviceAccount: undefined, lifetime: '5m' })).toEqual([]);
    expect(ofGoogle({ ...delivers, scopes: { openid: {} }, defaultScopes: ['openid'] })).toEqual([
      `scopes: ${message}`,
      `defaultScopes: ${message}`,
    ]);
    expect(termsOfGoogle(delivers)).toMatchObject({
      scopes: [],
      defaultScopes: [],
      lifetimeSecondsMax: 300,
      cloud: { floorSeconds: 0, outlive: false },
    });
    expect(gcpTarget.cloud?.endpoints(gcpTarget.options.parse({ ...lake, ...delivers }), new Map())).toEqual([]);
  });

  it('CG-02 must be trusted by what its assertions say, and is reached at both endpoints', () => {
    const place = { issuer: 'https://sts.example', target: 'lake', parameters: ['team'] };
    const chosen = gcpTarget.options.parse({
      ...lake,
      serviceAccount: '<team>@example-data.iam.gserviceaccount.com',
      ca: '/google.crt',
    });
    expect(gcpTarget.cloud?.trust(chosen, place, { team: 'api' })).toEqual({
      cloud: 'gcp',
      issuer: 'https://sts.example',
      audience: 'https://sts.example/targets/lake',
      subject: 'target:lake:api',
      provider: PROVIDER,
      serviceAccount: 'api@example-data.iam.gserviceaccount.com',
      secondsMax: HOUR,
    });
    const reached = { ca: 'PEM', privateNetwork: false };
    const files = new Map([['/google.crt', 'PEM']]);
    expect(gcpTarget.cloud?.endpoints(chosen, files)).toEqual([
      { url: 'https://sts.googleapis.com', ...reached },
      { url: 'https://iamcredentials.googleapis.com', ...reached },
    ]);
    const itself = gcpTarget.options.parse({ provider: PROVIDER, ca: '/google.crt' });
    expect(gcpTarget.cloud?.endpoints(itself, files)).toEqual([{ url: 'https://sts.googleapis.com', ...reached }]);
  });
});

describe('a target of kind azure', () => {
  it.each([TENANT, 'example.onmicrosoft.com', 'login.example'])('A-168 has a tenant of its own: %s', (tenant) => {
    expect(ofAzure({ tenant })).toEqual([]);
  });

  it.each(['common', 'organizations', 'consumers', '<tenant>.example', 'a/../b.example', TENANT.replace('1', 'G')])(
    'A-168 %s is no tenant',
    (tenant) => {
      expect(ofAzure({ tenant })).toEqual([
        'tenant: must be a tenant: its id, or one of its domains, in lower case, such as example.onmicrosoft.com',
      ]);
    },
  );

  it.each(['<id>', 'exchequer', CLIENT_ID.toUpperCase(), `{${CLIENT_ID}}`])('%s is no client id', (clientId) => {
    expect(ofAzure({ clientId })).toEqual([
      'clientId: must be the client id of an application or a managed identity, in lower case',
    ]);
  });

  it('is for one resource, named as it is', () => {
    for (const resource of [VAULT, 'api://example/orders', CLIENT_ID, 'https://management.azure.com/'])
      expect(ofAzure({ resource })).toEqual([]);
    for (const resource of ['vault', 'http://vault.azure.net', `${VAULT} https://graph.microsoft.com`, '<resource>'])
      expect(ofAzure({ resource })).toEqual([
        'resource: must be the address of a resource, such as https://vault.azure.net',
      ]);
    expect(ofAzure({ resource: `${VAULT}/.default` })).toEqual([
      'resource: stands without `/.default`, which is added',
    ]);
    expect(ofAzure({ resource: undefined })).toEqual(['resource: says what the tokens are for']);
    expect(ofAzure({ deliver: 'assertion' })).toEqual([
      'resource: cannot be kept where `deliver: assertion` is written',
    ]);
    expect(ofAzure({ deliver: 'assertion', resource: undefined })).toEqual([]);
  });

  it('CZ-02 has an audience without parameters', () => {
    expect(ofAzure({ audience: 'api://AzureADTokenExchange' })).toEqual([]);
    expect(ofAzure({ audience: 'api://<team>' })).toEqual(['audience: must have no parameters and no spaces']);
  });

  it('lives 90 minutes, or as long as a policy of its tenant says: Entra gives no less on request', () => {
    expect(termsOfAzure()).toMatchObject({ lifetimeSecondsMax: 5_400, cloud: { floorSeconds: 5_400, outlive: true } });
    expect(termsOfAzure({ lifetime: '24h' })).toMatchObject({
      lifetimeSecondsMax: 86_400,
      cloud: { floorSeconds: 86_400, outlive: true },
    });
    expect(ofAzure({ lifetime: '1h' })).toEqual([
      "lifetime: is under the cloud's floor: it gives 5400 seconds at least",
    ]);
    expect(ofAzure({ lifetime: '24h', require: { lifetimeMax: '2h' } })).toEqual([
      'require.lifetimeMax: is under the lifetime of 86400 seconds, and Entra gives that whatever is asked',
    ]);
    expect(termsOfAzure({ deliver: 'assertion', resource: undefined })).toMatchObject({
      lifetimeSecondsMax: 300,
      cloud: { floorSeconds: 0, outlive: false },
    });
  });

  it('CZ-02 CZ-05 must be trusted by what its assertions say, and is reached at its authority', () => {
    const chosen = azureTarget.options.parse({ ...vault, endpoint: 'https://login.microsoftonline.us/' });
    const place = { issuer: 'https://sts.example', target: 'vault', parameters: [] };
    expect(azureTarget.cloud?.trust(chosen, place, {})).toEqual({
      cloud: 'azure',
      issuer: 'https://sts.example',
      audience: 'https://sts.example/targets/vault',
      subject: 'target:vault',
      tenant: TENANT,
      clientId: CLIENT_ID,
      resource: VAULT,
    });
    const reached = { ca: undefined, privateNetwork: false };
    expect(azureTarget.cloud?.endpoints(chosen, new Map())).toEqual([
      { url: 'https://login.microsoftonline.us', ...reached },
    ]);
    expect(azureTarget.cloud?.endpoints(azureTarget.options.parse(vault), new Map())).toEqual([
      { url: 'https://login.microsoftonline.com', ...reached },
    ]);
    expect(azureTarget.address(chosen, 'vault')).toBe(CLIENT_ID);
  });
});
