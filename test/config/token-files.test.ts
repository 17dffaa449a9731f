// A bearer token in a file, row KB-08: it has to be there when a configuration loads, and is no part of what was loaded.

import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/compose-kinds.ts';
import { loadConfig } from '../../src/config/load.ts';
import { recordFiles } from '../../src/config/recorded-files.ts';
import { BASE, FILES, filesOf } from './folder.ts';

const CLUSTER = `  east:
    kind: kubernetes
    issuer: https://kubernetes.default.svc
    jwks: { url: "https://10.0.0.1:6443/openid/v1/jwks", ca: ./api.crt, tokenFile: ./run/broker.token }
    tokenReview: { url: "https://10.0.0.1:6443", tokenFile: ./run/broker.token }
targets:
`;
const TOKEN = '/etc/x/run/broker.token';

function load(options = CLUSTER, token: string | undefined = 'first') {
  const texts: Record<string, string> = {
    ...FILES,
    '/etc/x/api.crt': 'PEM',
    '/etc/x/exchequer.yaml': BASE.replace('targets:\n', options),
  };
  if (token !== undefined) texts[TOKEN] = token;
  const files = recordFiles(filesOf(texts));
  return { texts, files, loaded: loadConfig({ path: '/etc/x/exchequer.yaml', env: {}, kinds: KINDS, files }) };
}

const problems = ({ loaded }: ReturnType<typeof load>) =>
  loaded.ok ? [] : loaded.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);

describe('a token file', () => {
  it('KB-08 becomes an absolute path, and neither its text nor its change is noticed', () => {
    const first = load();
    expect(problems(first)).toEqual([]);
    if (!first.loaded.ok) return;
    const { config } = first.loaded;
    const east = config.sources.find(({ name }) => name === 'east');
    expect(east?.options).toMatchObject({
      jwks: { ca: '/etc/x/api.crt', tokenFile: TOKEN },
      tokenReview: { tokenFile: TOKEN },
    });
    expect(config.files.get('/etc/x/api.crt')).toBe('PEM');
    expect(config.files.has(TOKEN)).toBe(false);
    expect(config.watched).not.toContain(TOKEN);
    first.texts[TOKEN] = 'second';
    expect(first.files.stillAsRead()).toBe(true);
    first.texts['/etc/x/api.crt'] = 'OTHER';
    expect(first.files.stillAsRead()).toBe(false); // the control
    const second = load(CLUSTER, 'second').loaded;
    expect(second.ok && second.config.digest).toBe(config.digest);
  });

  it('KB-08 that is missing is a problem of the line that names it', () => {
    const { texts } = load();
    delete texts[TOKEN];
    const files = filesOf(texts);
    const loaded = loadConfig({ path: '/etc/x/exchequer.yaml', env: {}, kinds: KINDS, files });
    const missing = 'the file cannot be read (ENOENT)';
    expect(problems({ texts, files: recordFiles(files), loaded })).toEqual([
      `15 trust.east.jwks.tokenFile: ${missing}`,
      `16 trust.east.tokenReview.tokenFile: ${missing}`,
    ]);
  });
});

describe('options that do not go together', () => {
  const of = (options: string) => problems(load(`  east: { kind: kubernetes, ${options} }\ntargets:\n`));
  const issuer = 'issuer: "https://east.example"';
  const place = '{ url: "https://10.0.0.1:6443" }';

  it('KB-09 are told: keys from two places, no keys and nobody who vouches, an issuer that is every cluster', () => {
    expect(of(`${issuer}, jwks: none`)).toEqual([
      '12 trust.east.jwks: `none` needs `tokenReview`: somebody has to vouch for the tokens',
    ]);
    expect(of(`${issuer}, jwks: none, tokenReview: ${place}`)).toEqual([]);
    expect(of(`${issuer}, jwks: ${place}, discovery: ${place}`)).toEqual([
      '12 trust.east.discovery: stands beside `jwks`: keys come from one of them',
    ]);
    expect(of(`${issuer}, discovery: ${place}`)).toEqual([]);
    const everywhere = 'issuer: "https://kubernetes.default.svc"';
    expect(of(everywhere)).toEqual([
      "12 trust.east.issuer: is the same for every cluster and cannot be reached from outside it: give the cluster's keys with `jwks: { file: ... }`, or `discovery: { url: ... }` where the broker reaches its API server",
    ]);
    expect(of(`${everywhere}, discovery: ${place}`)).toEqual([]);
  });

  it('KB-10 are told: an issuer twice, an issuer of another source, and our own', () => {
    const other = (issuers: string) => `${issuer}, otherIssuers: [${issuers}], jwks: { file: ./bundles/prod.json }`;
    expect(of(other('"https://old.example"'))).toEqual([]);
    expect(of(other('"https://east.example"'))).toEqual(['12 trust.east.otherIssuers: names an issuer twice']);
    expect(of(other('"https://sts.acme.example"'))).toEqual([
      '12 trust.east: has our own issuer; own tokens are the source `self`',
    ]);
    const old = 'issuer: "https://old.example", jwks: { file: ./bundles/prod.json }';
    const two = `  old: { kind: kubernetes, ${old} }\n  east: { kind: kubernetes, ${other('"https://old.example"')} }\ntargets:\n`;
    expect(problems(load(two))).toEqual(['13 trust.east: has the issuer and the audience of `old`']);
  });

  it('are refused where a kind has no API server', () => {
    const login = `  login: { kind: oidc, ${issuer}, subjects: workloads, tokens: [jwt]`;
    expect(problems(load(`${login}, tokenReview: ${place} }\ntargets:\n`))).toEqual([
      '12 trust.login.tokenReview: is for sources of the kind `kubernetes`',
    ]);
    expect(problems(load(`${login}, jwks: none }\ntargets:\n`))).toHaveLength(1);
    expect(problems(load(`${login}, discovery: ${place} }\ntargets:\n`))).toEqual([]);
  });
});
