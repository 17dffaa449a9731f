// kubectl, git and docker, unmodified, that run our helpers for their credentials, each through to a server that demands them. Where one is
// not on this machine, its protocol is held to in test/adapters/cli/helpers.test.ts alone.

import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HelperScene, isHere, startHelperScene } from '../../support/helper-scene.ts';

const API = 'cluster:system:serviceaccount:payments:api';

let scene: HelperScene;
beforeAll(async () => {
  scene = await startHelperScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const last = () => scene.broker.records().at(-1);

// Without kubectl there is nobody to run the plugin.
describe.skipIf(!isHere('kubectl'))('kubectl (needs kubectl on the PATH)', () => {
  const cluster = (name: string, port: number, config: string) => `
  - name: ${name}
    cluster:
      server: https://localhost:${port}
      certificate-authority: ${scene.env.EXCHEQUER_CA}
      extensions: [{ name: client.authentication.k8s.io/exec, extension: ${config} }]`;
  const kubeconfig = (clusters: string, version: string) =>
    scene.file(
      `kube-${version}`,
      `apiVersion: v1
kind: Config
clusters:${clusters}
contexts:
  - { name: prod, context: { cluster: prod, user: pod } }
  - { name: test, context: { cluster: test, user: pod } }
  - { name: closed, context: { cluster: closed, user: pod } }
users:
  - name: pod
    user:
      exec:
        apiVersion: client.authentication.k8s.io/${version}
        command: exchequer
        args: [kube]
        interactiveMode: Never
        provideClusterInfo: true
`,
    );

  it.each(['v1', 'v1beta1'])(
    'has a token for each cluster, of its own audience and by one user entry (%s)',
    async (version) => {
      const server = (audience: string) =>
        scene.protect(audience, (_, response, { who }) => {
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ at: audience, who }));
        });
      await using prod = await server('https://prod.example');
      await using test = await server('https://test.example');
      const clusters = [
        cluster('prod', prod.port, '{ audience: "https://prod.example" }'),
        cluster('test', test.port, '{ target: test }'),
        cluster('closed', prod.port, '{ target: closed }'),
      ];
      const config = kubeconfig(clusters.join(''), version);
      const get = (context: string) =>
        scene.run('kubectl', ['--kubeconfig', config, '--context', context, 'get', '--raw', '/api/v1/namespaces']);
      for (const [context, at] of [
        ['prod', 'https://prod.example'],
        ['test', 'https://test.example'],
      ] as const) {
        const said = await get(context);
        expect(said).toMatchObject({ code: 0, err: '' });
        expect(JSON.parse(said.out)).toEqual({ at, who: API });
        expect(last()).toMatchObject({ outcome: 'granted', target: context });
      }
      const closed = await get('closed');
      expect(closed.code).toBe(1);
      expect(closed.err).toMatch(/invalid_target: .* have closed/);
    },
  );
});

// Without git there is nobody to ask the helper.
describe.skipIf(!isHere('git'))('git (needs git on the PATH)', () => {
  const helper = (target: string, host: string) => `!exchequer git --target ${target} --host ${host}`;
  const git = (words: readonly string[], input = '') =>
    scene.run('git', words, {
      input,
      env: { GIT_SSL_CAINFO: scene.env.EXCHEQUER_CA ?? '', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' },
    });
  const using = (helperLine: string) => ['-c', `credential.helper=${helperLine}`];

  it('clones from a server that demands a token of ours', async () => {
    const upstream = join(scene.broker.folder, 'upstream');
    mkdirSync(upstream);
    const local = (...words: readonly string[]) =>
      execFileSync('git', ['-C', upstream, '-c', 'user.name=a', '-c', 'user.email=a@b.example', ...words], {
        stdio: 'pipe',
      });
    local('init', '--quiet');
    local('commit', '--quiet', '--allow-empty', '--message', 'first');
    local('update-server-info');
    await using server = await scene.protect('https://code.example', (request, response, { who, user }) => {
      expect({ who, user }).toEqual({ who: API, user: 'x-access-token' });
      const path = join(
        upstream,
        '.git',
        new URL(request.url ?? '', 'https://localhost').pathname.replace('/code.git/', ''),
      );
      if (existsSync(path)) response.end(readFileSync(path));
      else response.writeHead(404).end();
    });
    const host = `localhost:${server.port}`;
    const copy = join(scene.broker.folder, 'copy');
    const cloned = await git([...using(helper('code', host)), 'clone', '--quiet', `https://${host}/code.git`, copy]);
    expect(cloned).toEqual({ code: 0, out: '', err: '' });
    expect(execFileSync('git', ['-C', copy, 'log', '--format=%s']).toString()).toBe('first\n');
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('fills in a password for the host that was named, and for no other', async () => {
    const fill = (host: string, target = 'code') =>
      git([...using(helper(target, 'git.example')), 'credential', 'fill'], `protocol=https\nhost=${host}\n\n`);
    const filled = await fill('git.example');
    expect(filled).toMatchObject({ code: 0, err: '' });
    expect(filled.out).toMatch(/^protocol=https\nhost=git\.example\nusername=x-access-token\npassword=[\w.-]+\n/);
    const before = scene.broker.records().length;
    const other = await fill('other.example');
    expect(other).toMatchObject({ code: 128, out: '' });
    expect(other.err).toContain('terminal prompts disabled');
    expect(scene.broker.records()).toHaveLength(before);
  });

  it('stops where the broker refuses, with its sentence, and prompts nobody', async () => {
    const refused = await git(
      [...using(helper('closed', 'git.example')), 'credential', 'fill'],
      'protocol=https\nhost=git.example\n\n',
    );
    expect(refused).toMatchObject({ code: 128, out: '' });
    expect(refused.err).toMatch(/^invalid_target: .* have closed.*\nfatal: credential helper .* told us to quit\n$/);
  });

  it('may say that a password was good or bad, and nothing comes of it', async () => {
    for (const verb of ['approve', 'reject']) {
      const description = 'protocol=https\nhost=git.example\nusername=x\npassword=y\n\n';
      const said = await git([...using(helper('code', 'git.example')), 'credential', verb], description);
      expect(said).toEqual({ code: 0, out: '', err: '' });
    }
  });
});

// Without docker there is nobody to ask the helper.
describe.skipIf(!isHere('docker'))('docker (needs docker on the PATH)', () => {
  const TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
  const CONFIG = '{}';
  const MANIFEST = JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPE,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      size: CONFIG.length,
      digest: `sha256:${hash('sha256', CONFIG)}`,
    },
    layers: [],
  });
  const registry = () =>
    scene.protect('https://images.example', (request, response, { who, user }) => {
      expect({ who, user }).toEqual({ who: API, user: 'x-access-token' });
      if (request.url?.startsWith('/v2/app/manifests/')) response.setHeader('content-type', TYPE).end(MANIFEST);
      else if (request.url?.startsWith('/v2/app/blobs/')) response.end(CONFIG);
      else response.end();
    });
  function docker(host: string, target: string) {
    const folder = join(scene.broker.folder, `docker-${target}`);
    mkdirSync(folder);
    scene.file(`docker-${target}/config.json`, JSON.stringify({ credHelpers: { [host]: 'exchequer' } }));
    // Its client of registries counts the certificate of a registry on loopback as good; nobody listens where a daemon would.
    return scene.run('docker', ['manifest', 'inspect', '--insecure', `${host}/app:1`], {
      env: { DOCKER_CONFIG: folder, EXCHEQUER_REGISTRIES: `${host}=${target}`, DOCKER_HOST: 'tcp://127.0.0.1:1' },
    });
  }

  it('shows an image of a registry that demands a token of ours', async () => {
    await using server = await registry();
    const said = await docker(`localhost:${server.port}`, 'images');
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(said.out)).toMatchObject({ schemaVersion: 2 });
    expect(last()).toMatchObject({ outcome: 'granted', target: 'images' });
  });

  it('shows the sentence of a refusal', async () => {
    await using server = await registry();
    const said = await docker(`localhost:${server.port}`, 'closed');
    expect(said.code).not.toBe(0);
    expect(said.err).toMatch(/invalid_target: .* have closed/);
  });
});

describe('a target that is a role', () => {
  it.each([
    ['kube', (target: string) => ['kube', target], ''],
    [
      'git',
      (target: string) => ['git', '--target', target, '--host', 'git.example', 'get'],
      'protocol=https\nhost=git.example\n\n',
    ],
    ['docker', (target: string) => ['docker', '--registry', `registry.example=${target}`, 'get'], 'registry.example'],
  ])('gives nothing that %s could show to a server', async (_, line, input) => {
    const granted = await scene.run('exchequer', line('code'), { input });
    expect(granted).toMatchObject({ code: 0, err: '' });
    const refused = await scene.run('exchequer', line('payments-aws'), { input });
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/^invalid_request: requested_token_type names a token type that is not supported/);
    expect(refused.out).not.toMatch(/SecretAccessKey/);
    expect(last()).toMatchObject({ outcome: 'refused', reason: 'token_type_unsupported' });
  });
});
