// Run, get a token, see why refused: `exchequer dev`, `token --as` and `explain` as a person types them on a laptop (the verbs in this
// process; test/e2e/laptop.test.ts spawns them), on a configuration whose files are all somewhere else.

import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { devDirectory } from '../../src/dev/directory.ts';
import { type Dev, freePort, startDev, typed, typedHere } from '../support/laptop.ts';

const RELOAD_MS = 20_000;

const CONFIG = `
issuer: https://sts.example/tenant
listen: { address: 0.0.0.0:443, tls: { certificate: /nowhere/tls.crt, key: /nowhere/tls.key } }
observe: { address: 0.0.0.0:9464 }
control: { socket: /nowhere/control.sock }
trust:
  github: { kind: github, require: { repository_owner_id: 65, event_name: [push, release] } }
  gitlab: { kind: gitlab, audience: https://sts.example/tenant, require: { namespace_id: 72 } }
  cluster:
    kind: kubernetes
    issuer: https://kubernetes.default.svc.cluster.local
    jwks: none
    tokenReview: { url: https://10.0.0.1, ca: /nowhere/ca.crt, tokenFile: /nowhere/token }
  onprem: { kind: kubernetes, issuer: https://cluster.example, jwks: { file: ./nowhere.json } }
  mesh: { kind: spiffe, trustDomain: prod.example, bundle: { file: ./nowhere.json } }
  far: { kind: spiffe, trustDomain: far.example, workloadApi: "unix:///nowhere/agent.sock" }
  people: { kind: oidc, issuer: https://login.example, subjects: people, tokens: [access_token] }
clients:
  gateway: { secret: "\${file:/nowhere/secret}", presents: [https://sts.example/tenant] }
targets:
  ledger:
    { kind: token, audience: https://api.example/ledger, scopes: { "postings:read": {} }, defaultScopes: ["postings:read"] }
  deploy: { kind: token, audience: https://deploy.example }
  releases: { kind: token, audience: "https://live.example/<svc>" }
policies: [./policies]
store: { directory: /nowhere/store }
keys: { directory: /nowhere/keys }
audit: { to: /nowhere/audit.jsonl }
`;
const policy = (ref: string) => `
rules:
  - name: deploys
    why: "Ask #platform."
    subject: { trust: github, github: { repository_id: 74, ref: ${ref} } }
    allow: [deploy]
  - name: project
    subject: { trust: gitlab, gitlab: { project_id: 20, ref_path: refs/heads/main } }
    allow: [deploy]
  - name: pods
    subject: { trust: [cluster, onprem], kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { ledger: ["postings:read"] }
  - name: mesh
    subject: { trust: mesh, sub: spiffe://prod.example/ns/payments/sa/* }
    allow: { ledger: all }
  - name: production
    each: { svc: services.yaml }
    subject: { trust: github, github: { repository_id: <id>, environment: production, ref: refs/heads/main } }
    allow: [releases]
`;
const SERVICES = `
rows:
  - { svc: svc-006, id: 1006 }
  - { svc: svc-007, id: 1007 }
`;

describe('dev, on a configuration that nothing on this machine serves', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laptop-'));
  const rules = join(folder, 'policies/rules.yaml');
  let dev: Dev;
  let issuer: string;
  const run = (...words: readonly string[]) => typedHere(join(folder, 'exchequer.yaml'), ...words);
  const place = (name: string) => dev.place(name);

  beforeAll(async () => {
    writeFileSync(join(folder, 'exchequer.yaml'), CONFIG);
    mkdirSync(dirname(rules));
    writeFileSync(rules, policy('refs/heads/main'));
    writeFileSync(join(dirname(rules), 'services.yaml'), SERVICES);
    const port = await freePort();
    issuer = `https://localhost:${port}`;
    dev = await startDev(folder, port);
  });
  afterAll(async () => {
    await dev.end();
    rmSync(folder, { recursive: true });
  });

  it('says where everything is, in a folder that is ours alone, and that none of it is for production', () => {
    expect(dev.said().split('\n').slice(0, 2)).toEqual([
      `running ${join(folder, 'exchequer.yaml')} (here)`,
      expect.stringMatching(/^NOT FOR PRODUCTION: /),
    ]);
    expect(dev.said()).toContain(`listening on ${issuer}, on this machine alone`);
    expect(statSync(dirname(place('CA'))).mode & 0o777).toBe(0o700);
    expect(dirname(place('control'))).toBe(dirname(place('CA')));
  });

  it('says what may be asked for as whom, targets with parameters too', () => {
    const lines = dev.said().split('\n');
    expect(lines.filter((line) => line.includes(' --as ')).map((line) => line.trim())).toEqual([
      'exchequer token deploy --as github',
      'exchequer token releases --as github  # https://live.example/<svc>',
      'exchequer token deploy --as gitlab',
      'exchequer token ledger --as cluster',
      'exchequer token ledger --as onprem',
      'exchequer token ledger --as mesh',
      'exchequer token deploy --as far',
      'exchequer token deploy --as people',
    ]);
  });

  it.each([
    ['its name and a claim', ['releases', '--claim', 'repository_id=1007'], 'svc-007'],
    ['its name alone', ['releases'], 'svc-006'],
    ['its address', ['https://live.example/svc-007'], 'svc-007'],
  ])('gives a target of a table by %s, as the row wants it', async (_, words, row) => {
    const granted = await run('token', ...words, '--as', 'github');
    expect(granted).toMatchObject({ code: 0, err: '' });
    const id = row.replace('svc-', '1');
    expect(decodeJwt(granted.out)).toMatchObject({
      aud: `https://live.example/${row}`,
      sub: `github:repository_id:${id}:environment:production`,
    });
  });

  it('refuses to sign a claim that is misspelt: it would change nothing', async () => {
    expect(await run('token', 'deploy', '--as', 'github', '--claim', 'reff=x')).toEqual({
      code: 3,
      out: '',
      err: 'reff is no claim of github; did you mean ref?',
    });
  });

  it('has its records read back by audit, where no file is named', async () => {
    await run('token', 'deploy', '--as', 'github');
    const tail = await run('audit', 'tail', '-n', '1');
    expect(tail).toMatchObject({ code: 0, err: '' });
    expect(tail.out).toContain('granted  github:repository_id:74:ref:refs/heads/main -> deploy  by deploys');
    expect(await run('audit', 'breaks')).toMatchObject({ out: expect.stringMatching(/^[1-9]\d* requests? decided/) });
  });

  it('refuses a wrong ref with the one sentence, and explain --last says why', async () => {
    const refused = await run(
      'token',
      'deploy',
      '--as',
      'github',
      '--claim',
      'repository_id=74',
      '--claim',
      'ref=refs/heads/dev',
    );
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(
      /^invalid_request: no rule lets github:repository_id:74:ref:refs\/heads\/dev have deploy; nearest deploys \(policies\/rules\.yaml:3\): ref was 'refs\/heads\/dev', must be 'refs\/heads\/main'\. Ask #platform\. [0-9A-Z]{26}$/,
    );
    const explained = await run('explain', '--last');
    expect(explained.code).toBe(1);
    expect(explained.out).toContain('github:repository_id:74:ref:refs/heads/dev');
  });

  it.each([
    ['github', 'deploy', ['repository_id=74'], 'github:repository_id:74:ref:refs/heads/main'],
    ['gitlab', 'deploy', ['project_id=20'], 'gitlab:project_id:20:ref_path:refs/heads/main'],
    ['cluster', 'ledger', ['namespace=payments', 'serviceaccount=api'], 'cluster:system:serviceaccount:payments:api'],
    ['onprem', 'ledger', ['namespace=payments', 'serviceaccount=api'], 'onprem:system:serviceaccount:payments:api'],
    ['mesh', 'ledger', ['sub=spiffe://prod.example/ns/payments/sa/api'], 'spiffe://prod.example/ns/payments/sa/api'],
  ])('gives a token to %s for %s, by the rule as it stands', async (source, target, claims, name) => {
    const granted = await run('token', target, '--as', source, ...claims.flatMap((claim) => ['--claim', claim]));
    expect(granted).toMatchObject({ code: 0, err: '' });
    expect(decodeJwt(granted.out)).toMatchObject({ iss: issuer, sub: name });
  });

  it('proves each source by a key of its own: what one signs is not another', async () => {
    const strange = await run(
      'token',
      'ledger',
      '--as',
      'onprem',
      '--claim',
      'iss=https://kubernetes.default.svc.cluster.local',
      '--claim',
      'namespace=payments',
      '--claim',
      'serviceaccount=api',
    );
    expect(strange).toMatchObject({ code: 1, out: '' });
    expect((await run('explain', '--last', '--json')).out).toContain('"reason":"key_unknown"');
  });

  it('takes what is given however wrong it is: a token that expired is refused as one', async () => {
    const expired = await run('token', 'deploy', '--as', 'github', '--claim', 'repository_id=74', '--claim', 'exp=1');
    expect(expired).toMatchObject({ code: 1, out: '' });
    expect((await run('explain', '--last', '--json')).out).toContain('"reason":"expired"');
  });

  it('holds people to what holds everywhere: nobody presents their tokens without an authenticated client', async () => {
    const person = await run('token', 'ledger', '--as', 'people', '--claim', 'sub=alice');
    // It said besides that the token is not for the broker, which is as it should be.
    expect(person).toEqual({ code: 1, out: '', err: expect.stringMatching(/^invalid_client: [^\n]+$/) });
    expect((await run('explain', '--last', '--json')).out).toContain('"reason":"client_required"');
  });

  it('says which sources there are, and what a claim must look like', async () => {
    expect(await run('token', 'deploy', '--as', 'gitub')).toEqual({
      code: 3,
      out: '',
      err: 'there is no trust source "gitub"; there are github, gitlab, cluster, onprem, mesh, far, people',
    });
    expect(await run('token', 'deploy', '--as', 'github', '--claim', 'ref')).toEqual({
      code: 2,
      out: '',
      err: '--claim must be name=value',
    });
    expect(await run('token', 'deploy', '--as', 'github', '--broker', 'https://sts.example')).toMatchObject({
      code: 2,
    });
  });

  it('is the broker that `token` asks where none is named', async () => {
    const asked = await run('token', 'deploy', '--from', 'env:NOTHING');
    expect(asked).toMatchObject({ code: 3, out: '' });
    expect(asked.err).not.toContain('which broker');
  });

  it('says what does not load, or that its port is taken, and leaves nothing behind', async () => {
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(wrong, CONFIG.replace('subjects: people', 'subjects: peple'));
    const refused = await typed(folder, 'dev', '--config', 'wrong.yaml', '--port', String(await freePort()));
    expect(refused).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(/^wrong\.yaml:\d+:\d+ trust\.people\.subjects: .*did you mean people\?$/),
    });
    writeFileSync(wrong, CONFIG);
    const taken = await typed(folder, 'dev', '--config', 'wrong.yaml', '--port', issuer.replace(/.*:/, ''));
    expect(taken).toMatchObject({
      code: 3,
      err: expect.stringMatching(
        /^127\.0\.0\.1:\d+ is in use \(another broker, or exchequer dev\?\); --port takes another$/,
      ),
    });
    expect(existsSync(devDirectory(wrong))).toBe(false);
    expect(existsSync(devDirectory(join(folder, 'exchequer.yaml')))).toBe(true); // the control
    expect(await run('dev', '--port', '0')).toMatchObject({ code: 2 });
  });

  it('a second one on the same configuration is refused, and the first goes on', async () => {
    const second = await typed(folder, 'dev', '--port', String(await freePort()));
    expect(second).toMatchObject({ code: 3, err: expect.stringContaining('a dev runs on this configuration already') });
    expect((await run('token', 'deploy', '--as', 'github', '--claim', 'repository_id=74')).code).toBe(0);
  });

  it('reads policies again when they are saved, and goes on with the old where the new do not load', async () => {
    const onDev = ['token', 'deploy', '--as', 'github', '--claim', 'repository_id=74', '--claim', 'ref=refs/heads/dev'];
    expect((await run(...onDev)).code).toBe(1);
    writeFileSync(rules, policy('[refs/heads/main, refs/heads/dev]'));
    await expect.poll(() => dev.said(), { timeout: RELOAD_MS }).toContain('reloaded');
    expect((await run(...onDev)).code).toBe(0);
    writeFileSync(rules, policy('{ nothing: 1 }'));
    await expect
      .poll(() => dev.said(), { timeout: RELOAD_MS })
      .toContain('the old configuration still runs: policies/rules.yaml:');
    expect((await run(...onDev)).code).toBe(0);
  });

  it('removes everything it wrote when it is told to stop, and then nobody signs', async () => {
    const directory = dirname(place('CA'));
    expect(readFileSync(place('records'), 'utf8')).toContain('"outcome":"granted"');
    dev.child.kill('SIGINT');
    await once(dev.child, 'exit');
    expect([dev.child.exitCode, existsSync(directory)]).toEqual([0, false]);
    expect(await run('token', 'deploy', '--as', 'github')).toEqual({
      code: 3,
      out: '',
      err: `no \`exchequer dev\` runs on ${join(folder, 'exchequer.yaml')}: start one there, or name it with --config`,
    });
  });
});
