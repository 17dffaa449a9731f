// Attacks on keys, configuration and state: what a broker publishes, what it starts on, and what a reload
// takes away at once. Files of signing keys and the trail have tests of their own (test/keys, test/audit, test/e2e).

import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { githubPush, gitlabPush, jwtSvid, kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { createAttack, refused, startProblems } from '../support/attack.ts';
import { CLUSTER_ISSUER, mint, startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts';

let broker: TestBroker | undefined;
afterEach(async () => {
  await broker?.stop();
  broker = undefined;
});
async function start(options: TestBrokerOptions = {}): Promise<TestBroker> {
  broker = await startTestBroker(options);
  return broker;
}

const rule = (name: string, subject: string, target: string, more = ''): string =>
  `rules:\n  - { name: ${name}, subject: ${subject}, allow: { ${target}: all }${more} }\n`;
const MESH = '{ trust: mesh, sub: spiffe://prod.example/ns/payments/sa/api }';
const POLICIES = {
  'mesh.yaml': rule('mesh', MESH, 'ledger'),
  'cluster.yaml': rule(
    'cluster',
    '{ trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }',
    'ledger',
  ),
  'github.yaml': rule('github', '{ trust: github, github: { repository_id: 74, ref: refs/heads/main } }', 'deploy'),
  'gitlab.yaml': rule('gitlab', '{ trust: gitlab, gitlab: { project_id: 20, ref_path: refs/heads/main } }', 'deploy'),
} as const;
const CREDENTIALS: Readonly<Record<keyof typeof POLICIES, (of: TestBroker) => Promise<readonly [string, string]>>> = {
  'mesh.yaml': async (of) => [await svid(of), 'ledger'],
  'cluster.yaml': async (of) => [
    await mint(of, 'cluster', kubernetesProjected(CLUSTER_ISSUER, of.issuer, of.now())),
    'ledger',
  ],
  'github.yaml': async (of) => [await mint(of, 'github', githubPush(of.issuer, of.now())), 'deploy'],
  'gitlab.yaml': async (of) => [await mint(of, 'gitlab', gitlabPush(of.issuer, of.now())), 'deploy'],
};
const svid = (of: TestBroker) =>
  mint(of, 'mesh', jwtSvid('spiffe://prod.example/ns/payments/sa/api', of.issuer, of.now()));

describe('what is published', () => {
  it('A-197 the key set has public members only, and the keys on disk have the others', async () => {
    const of = await start();
    const { keys } = (await of.call({ path: '/.well-known/jwks.json' })).body as { keys: Record<string, unknown>[] };
    expect(keys.length).toBeGreaterThanOrEqual(4);
    for (const key of keys)
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) expect(key).not.toHaveProperty(secret);
    const files = readdirSync(join(of.folder, 'keys')).filter((name) => /^signing-.*\.json$/.test(name));
    expect(readFileSync(join(of.folder, 'keys', files[0] ?? ''), 'utf8')).toMatch(/PRIVATE KEY|"d":/);
  });
});

describe('what a reload takes away is gone when it has answered', () => {
  it('A-40 a trust source that is removed: its tokens, still valid, are of an unknown issuer', async () => {
    const of = await start({ policies: POLICIES });
    const attack = createAttack(of);
    const token = await svid(of);
    expect(await attack.exchange(token)).toBe('200');
    const yaml = readFileSync(join(of.folder, 'exchequer.yaml'), 'utf8');
    of.write('exchequer.yaml', yaml.replace(/^ {2}mesh: .*\n/m, ''));
    rmSync(join(of.folder, 'policies/mesh.yaml'));
    expect(await of.broker.reload()).toMatchObject({ ok: true });
    expect(await attack.exchange(token)).toBe(refused('issuer_unknown'));
  });

  it('A-202 every rule in turn: without it nobody has what it allowed, and everybody else has theirs', async () => {
    const of = await start({ policies: POLICIES });
    const attack = createAttack(of);
    const verdicts = async () => {
      const found: Record<string, string> = {};
      for (const [file, credential] of Object.entries(CREDENTIALS)) {
        const [token, audience] = await credential(of);
        found[file] = await attack.exchange(token, { audience });
      }
      return found;
    };
    const all = Object.fromEntries(Object.keys(POLICIES).map((file) => [file, '200']));
    expect(await verdicts()).toEqual(all);
    for (const [file, text] of Object.entries(POLICIES)) {
      rmSync(join(of.folder, 'policies', file));
      expect(await of.broker.reload()).toMatchObject({ ok: true });
      expect(await verdicts()).toEqual({ ...all, [file]: refused('no_rule') });
      of.write(`policies/${file}`, text);
    }
  });

  it('A-202 a rule that has ended, or is a preview, allows nothing', async () => {
    for (const more of [', until: 2020-01-01', ', mode: preview']) {
      const policies = { ...POLICIES, 'mesh.yaml': rule('mesh', MESH, 'ledger', more) };
      const of = await start({ policies });
      expect(await createAttack(of).exchange(await svid(of))).toBe(refused('no_rule'));
      await of.stop();
      broker = undefined;
    }
  });

  it('A-203 a folder swapped by a link, as Kubernetes does it, is read whole, and a half-written file never', async () => {
    const of = await start({ policies: POLICIES });
    const attack = createAttack(of);
    const at = (path: string) => join(of.folder, 'policies', path);
    const version = (name: string, text: string) => {
      mkdirSync(at(name));
      writeFileSync(at(`${name}/mesh.yaml`), text);
      symlinkSync(name, at('..next'));
      renameSync(at('..next'), at('..data'));
    };
    version('..one', POLICIES['mesh.yaml']);
    unlinkSync(at('mesh.yaml'));
    symlinkSync('..data/mesh.yaml', at('mesh.yaml'));
    expect(await of.broker.reload()).toMatchObject({ ok: true });
    expect(await attack.exchange(await svid(of))).toBe('200');

    version('..two', POLICIES['mesh.yaml'].slice(0, 40));
    expect(await of.broker.reload()).toMatchObject({ ok: false });
    expect(await attack.exchange(await svid(of))).toBe('200');

    version('..three', POLICIES['mesh.yaml'].replace('sa/api', 'sa/other'));
    expect(await of.broker.reload()).toMatchObject({ ok: true });
    expect(await attack.exchange(await svid(of))).toBe(refused('no_rule'));
  });
});

describe('what a broker does not start on', () => {
  const config = (from: string | RegExp, to: string): TestBrokerOptions => ({
    config: (yaml) => yaml.replace(from, to),
  });
  const keys = (url: string) => config('jwks: { file: ./login.json }', `jwks: { url: "${url}" }`);

  it('the control: it starts on the same configuration unchanged', async () => {
    expect(await startProblems(config('x', 'x'))).toBe('');
  });

  it.each<readonly [string, TestBrokerOptions, string]>([
    ['A-200 an unknown field', config('targets:', 'tragets:'), 'tragets'],
    ['A-200 no policies at all', config('policies: [./policies]', 'policies: []'), 'policies'],
    ['A-200 an empty policy', { policies: { 'rules.yaml': '' } }, 'rules.yaml'],
    [
      'A-201 a policy folder that is missing',
      config('[./policies]', '[./elsewhere]'),
      'policies[0]: the folder cannot be read',
    ],
    [
      'A-201 a key set that is missing',
      config('./mesh.json', './nowhere.json'),
      'trust.mesh.bundle.file: the file cannot be read',
    ],
    ['A-205 a key set over http', keys('http://login.example/keys'), 'https'],
    ['A-205 a key set in a file: URL', keys('file:///etc/passwd'), 'https'],
    ['A-205 an issuer over http', config('https://login.example', 'http://login.example'), 'https'],
    ['A-38 a key set without a scheme', keys('//169.254.169.254/keys'), 'https'],
    [
      'A-44 a shared issuer without a tenant',
      config(', require: { repository_owner_id: 65 }', ''),
      'repository_owner_id',
    ],
    ['A-44 an empty audience', config('kind: github,', 'kind: github, audience: "",'), 'audience'],
    ['A-44 two audiences', config('kind: github,', 'kind: github, audience: [a, b],'), 'audience'],
    ['A-204 a variable that is not set', config('./tls.key', `"\${NOT_SET}"`), 'NOT_SET'],
  ])('%s', async (_title, options, problem) => {
    expect(await startProblems(options)).toContain(problem);
  });

  it(`A-204 a policy's \${VARIABLE} is only text: the environment is not read for it`, async () => {
    const policies = { 'mesh.yaml': rule('mesh', MESH, 'ledger', `, why: "ask \${HOME}"`) };
    const of = await start({ policies, world: { env: { HOME: 'secret-of-the-environment' } } });
    const refusal = await of.exchange(await svid(of), { audience: 'deploy' });
    expect(refusal.body.error_description).toContain(`ask \${HOME}`);
    expect(JSON.stringify(of.records()) + of.logged()).not.toContain('secret-of-the-environment');
  });

  it('A-210 the state of another version is refused by name, and left as it is', async () => {
    const of = await start();
    await of.broker.stop('upgrade');
    const name = readdirSync(join(of.folder, 'keys')).find((file) => /^signing-.*\.json$/.test(file)) ?? '';
    const file = join(of.folder, 'keys', name);
    const newer = JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ofTheFuture: true });
    writeFileSync(file, newer);
    expect(await startProblems({ folder: of.folder })).toContain(name);
    expect(readFileSync(file, 'utf8')).toBe(newer);
    rmSync(of.folder, { recursive: true, force: true });
    broker = undefined;
  });
});
