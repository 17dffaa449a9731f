// `doctor` at real brokers: one that is well, and each way of not being well, with the one finding that says so.

import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { githubPush } from '../../src/adapters/cli/demo/platforms.ts';
import { mint } from '../support/broker.ts';
import { type DoctorScene, examine, type Front, openDoctorScene } from '../support/doctor-scene.ts';
import { offlineFolder } from '../support/offline-folder.ts';
import { runProgram } from '../support/program.ts';

const asIs: Front = (text) => ({ text });

/** What the front gives for the key set, in place of what the broker does. */
const keySet =
  (change: (set: { keys: Record<string, unknown>[] }) => unknown): Front =>
  (text, path) => ({ text: path.endsWith('jwks.json') ? JSON.stringify(change(JSON.parse(text))) : text });

describe('doctor', () => {
  let scene: DoctorScene;
  beforeAll(async () => {
    scene = await openDoctorScene();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  afterEach(() => {
    scene.behave = asIs;
    scene.broker.clock.offsetSeconds = 0;
  });
  const kids = async (): Promise<readonly string[]> => {
    const { text } = await scene.broker.call({ path: '/.well-known/jwks.json' });
    return JSON.parse(text).keys.map(({ kid }: { kid: string }) => kid);
  };

  it('finds nothing wrong with a broker that is well, and says what it looked at', async () => {
    const { exit, findings, wrong } = await scene.examine();
    expect(wrong).toEqual([]);
    expect(exit).toBe(0);
    expect([...new Set(findings.map(({ area }) => area))]).toEqual([
      ...['configuration', 'certificate', 'keys', 'store', 'policy', 'control', 'running', 'ready', 'signing keys'],
      ...['sources', 'clock', 'documents'],
    ]);
    expect(findings.filter(({ area }) => area === 'documents').map(({ says }) => says)).toEqual([
      `https://localhost:${scene.front.port}/.well-known/openid-configuration and its 4 keys are of this issuer, and fit clouds`,
      "the metadata is the broker's own, byte for byte",
      "the key set is the broker's own, byte for byte",
    ]);
  });

  it('prints lines for people, and what to do below each that is not as it should be', async () => {
    const line = ['doctor', '--config', join(scene.broker.folder, 'exchequer.yaml')];
    const said = await runProgram(line);
    const at = said.out.findIndex((one) => one.startsWith('fail'));
    expect(said.out.slice(at, at + 2)).toEqual([
      `fail     documents: https://localhost:${scene.front.port}/.well-known/openid-configuration: tls (UNABLE_TO_VERIFY_LEAF_SIGNATURE)`,
      '         -> a certificate that clouds take is of a public authority, for the host of the issuer and with its whole chain; --ca names another authority',
    ]);
    expect(said.err).toEqual(['14 ok, 0 to look at, 1 failed, 0 could not be found out']);
    expect(said.exits).toEqual([1]);
  });

  it('tells a certificate of another authority from no connection', async () => {
    const other = join(scene.broker.folder, 'other.crt');
    writeFileSync(other, (await mintServerCertificate(['localhost'])).ca);
    expect((await scene.examine(['--ca', other])).wrong).toEqual([
      `fail documents: https://localhost:${scene.front.port}/.well-known/openid-configuration: tls (CERT_SIGNATURE_FAILURE)`,
    ]);
    expect((await scene.examine(['--ca', '/nowhere'])).wrong).toEqual(['unknown documents: /nowhere: ENOENT']);
  });

  it.each<[string, Front, (url: string, kids: readonly string[]) => string]>([
    [
      "another issuer's metadata",
      (text) => ({ text: text.replace('"issuer":"https://localhost', '"issuer":"https://other') }),
      (url) => `${url}: the metadata is not that of ${url.replace('/.well-known/openid-configuration', '')}`,
    ],
    [
      'a page of somebody else',
      () => ({ text: '<html>welcome</html>' }),
      (url) => `${url}: the metadata is no JSON object`,
    ],
    ['a refusal', () => ({ status: 403, text: '{}' }), (url) => `${url}: status (403)`],
    [
      'a key set that lacks the first key',
      keySet(({ keys }) => ({ keys: keys.slice(1) })),
      (_, [first]) => `the key set lacks ${first}: what it signs is refused by whoever reads this set`,
    ],
    [
      'a key set with a key of somebody else',
      keySet(({ keys: [first, ...others] }) => ({ keys: [first, ...others, { ...first, kid: 'foreign' }] })),
      () => "the key set has foreign, which this broker does not have: revoked, or another's",
    ],
    [
      'another key by the same name',
      keySet(({ keys: [first, second, ...others] }) => ({
        keys: [
          { ...first, ...(first?.kty === second?.kty ? { ...second, kid: first?.kid } : { n: 'AQAB', x: 'AQAB' }) },
          second,
          ...others,
        ],
      })),
      (_, [first]) => `the key set has another key by the name ${first}`,
    ],
    [
      'a private member',
      keySet(({ keys: [first, ...others] }) => ({ keys: [{ ...first, d: 'c2VjcmV0' }, ...others] })),
      (url) => `${url}: keys[0] has a private member; nothing is published`,
    ],
    [
      'metadata of an older broker',
      (text, path) => ({
        text: path.endsWith('configuration') ? text.replace('"lineage"', '').replace('"scope"]', '"scope","x"]') : text,
      }),
      () => "the metadata is not the broker's own: an older copy, or another broker's",
    ],
  ])('finds %s behind the URL', async (_, behave, says) => {
    scene.behave = behave;
    const { exit, wrong, text } = await scene.examine();
    const url = `https://localhost:${scene.front.port}/.well-known/openid-configuration`;
    expect(wrong).toEqual([`fail documents: ${says(url, await kids())}`]);
    expect(exit).toBe(1);
    expect(text).not.toContain('c2VjcmV0');
  });

  it('only warns of the same keys in other bytes, and of answers that are slow', async () => {
    scene.behave = (text, path) =>
      path.endsWith('jwks.json') ? { text: JSON.stringify(JSON.parse(text), null, 2) } : { text, afterMs: 1_600 };
    const { exit, wrong } = await scene.examine();
    expect(wrong).toEqual([
      expect.stringMatching(/^warn documents: they took 1[0-9]{3} ms; AWS waits 5 s and then refuses$/),
      "warn documents: the key set has the broker's own keys in other bytes",
    ]);
    expect(exit).toBe(0);
  });

  it('looks at the documents where they are published beside the issuer', async () => {
    const elsewhere = `https://localhost:${scene.broker.port}`;
    // What answers there has a certificate that nobody here knows.
    expect((await scene.examine(['--ca', scene.ca, '--published', elsewhere])).wrong).toEqual([
      `fail published: ${elsewhere}/.well-known/openid-configuration: tls (UNABLE_TO_VERIFY_LEAF_SIGNATURE)`,
    ]);
    const said = await runProgram(['doctor', '--published', 'http://bucket.example']);
    expect(said).toEqual({ out: [], exits: [2], err: ['--published is an https URL without query, fragment or user'] });
  });

  it("finds clocks that differ: the broker's, and that of what serves the issuer", async () => {
    scene.broker.clock.offsetSeconds = 120;
    expect((await scene.examine()).wrong).toEqual([
      'fail clock: the broker is 120 s ahead of this machine; more than 30 s make fresh tokens expired, or not yet valid',
    ]);
    scene.broker.clock.offsetSeconds = 0;
    const clock = { nowSeconds: () => Date.now() / 1000 + 100, elapsedMs: () => performance.now() };
    expect((await scene.examine(undefined, { clock })).wrong).toEqual([
      'fail clock: the broker is 100 s behind this machine; more than 30 s make fresh tokens expired, or not yet valid',
      expect.stringMatching(/^fail clock: localhost:[0-9]+ is (99|100|101) s behind this machine; /),
    ]);
  });

  it('A-199 finds a private key that others may read, and shows none of it', async () => {
    const folder = join(scene.broker.folder, 'keys');
    const name = readdirSync(folder).find((one) => one.startsWith('signing-') && one.endsWith('.json')) ?? '';
    const path = join(folder, name);
    chmodSync(path, 0o644);
    const { wrong, findings, text } = await scene.examine();
    expect(wrong).toEqual([`fail keys: ${path} has mode 0644: others than the broker may read it`]);
    expect(findings.find(({ area, outcome }) => area === 'keys' && outcome === 'fail')?.mend).toBe(
      'it may be known: replace it (a signing key: exchequer keys revoke KID), or chmod 0600 where nobody else was here',
    );
    const { privateKey } = JSON.parse(readFileSync(path, 'utf8'));
    expect(String(privateKey).length).toBeGreaterThan(100);
    expect(text).not.toContain(String(privateKey).slice(0, 60));
    chmodSync(path, 0o600);
    chmodSync(folder, 0o755);
    expect((await scene.examine()).wrong).toEqual([
      `fail keys: ${folder} has mode 0755: others than the broker may look into it`,
    ]);
    chmodSync(folder, 0o700);
  });

  it('finds a control socket that others may reach', async () => {
    const run = join(scene.broker.folder, 'run');
    chmodSync(run, 0o777);
    chmodSync(join(run, 'control.sock'), 0o666);
    expect((await scene.examine()).wrong).toEqual([
      `fail control: ${run}/control.sock has mode 0666: others may command the broker`,
      `fail control: others may write to ${run}, and put a socket of theirs there`,
    ]);
    chmodSync(run, 0o700);
    chmodSync(join(run, 'control.sock'), 0o600);
  });

  it('finds that the broker runs another configuration than the files', async () => {
    const file = join(scene.broker.folder, 'changed.yaml');
    writeFileSync(file, `${readFileSync(join(scene.broker.folder, 'exchequer.yaml'), 'utf8')}# changed\n`);
    expect((await examine(file, ['--ca', scene.ca])).wrong).toEqual([
      'warn running: the broker runs another configuration than these files come to here',
    ]);
    rmSync(file);
  });

  it('tries a real question, which spends nothing', async () => {
    const { broker } = scene;
    const issuer = `https://localhost:${scene.front.port}`;
    const file = join(broker.folder, 'job.jwt');
    const token = await mint(broker, 'github', githubPush(issuer, broker.now()));
    writeFileSync(file, token);
    const words = ['--ca', scene.ca, '--from', `file:${file}`, '--try'];
    const tried = async (target: string) =>
      (await scene.examine([...words, target])).findings.filter(({ area }) => area === `try ${target}`);
    expect(await tried('deploy')).toEqual([{ area: 'try deploy', outcome: 'ok', says: 'would be granted for 300 s' }]);
    expect((await tried('deploy'))[0]?.outcome).toBe('ok');
    expect(await tried('nothing')).toMatchObject([{ outcome: 'fail', mend: '`exchequer explain --last` says why' }]);
    const { findings } = await scene.examine(['--from', `file:${file}`, '--try', 'deploy']);
    expect(findings.filter(({ area }) => area === 'try deploy')).toMatchObject([
      { outcome: 'unknown', says: expect.stringContaining('tls'), mend: expect.stringContaining('--ca where') },
    ]);
    rmSync(file);
    expect(await tried('deploy')).toMatchObject([{ outcome: 'unknown' }]);
  });
});

describe('doctor without a broker', () => {
  it('looks at what is here, and says what it could not find out', async () => {
    const folder = await offlineFolder(
      `
trust:
  github: { kind: github, jwks: { file: ./github.json }, require: { repository_owner_id: 65 } }
targets:
  ledger: { kind: token, audience: https://ledger.example }
`,
      {
        'a.yaml':
          'rules: [{ name: r, subject: { trust: github, github: { repository_id: 1, ref: refs/heads/main } }, allow: [ledger] }]',
      },
    );
    try {
      const { exit, wrong } = await examine(folder.config);
      expect(wrong.map((one) => one.replaceAll(folder.path('.'), '.'))).toEqual([
        'warn certificate: ./tls.crt is not for sts.example',
        'warn certificate: ./tls.key has mode 0644: everybody on this machine may read the key',
        'unknown keys: ./keys cannot be looked at here (ENOENT)',
        'unknown store: ./store cannot be looked at here (ENOENT)',
        'unknown control: no broker is running, or its control socket is elsewhere: there is nothing on ./control.sock',
        expect.stringMatching(
          /^unknown documents: https:\/\/sts\.example\/\.well-known\/openid-configuration: network \(/,
        ),
      ]);
      expect(exit).toBe(3);
      folder.write('exchequer.yaml', 'issuer: http://sts.example\n');
      const broken = await examine(folder.config);
      expect(broken.exit).toBe(1);
      expect(broken.wrong[0]).toMatch(/^fail configuration: exchequer\.yaml:1:1 issuer: must begin with https:/);
    } finally {
      folder.remove();
    }
  });
});

describe('the page about doctor', () => {
  it('names everything that is looked at, and nothing else', () => {
    const root = join(import.meta.dirname, '../..');
    const sources = [join(root, 'src'), join(root, 'src/adapters/cli')].flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => /^(compose-)?doctor.*\.ts$/.test(name))
        .map((name) => readFileSync(join(folder, name), 'utf8')),
    );
    const areas = [
      ...sources.join().matchAll(/(?:about\(|area: |privateDirectory\()[^'`\n)]*['`]([a-z ]+?)(?: \$|['`])/g),
    ].map(([, area]) => area);
    const page = readFileSync(join(root, 'docs/operating.md'), 'utf8');
    const section = page.slice(page.indexOf('## Doctor'), page.indexOf('## When something is wrong'));
    const named = [...section.matchAll(/^\| ((?:`[a-z ]+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z ]+)`/g)].map(([, area]) => area),
    );
    expect([...new Set(areas)].sort()).toEqual([...new Set(named)].sort());
  });
});
