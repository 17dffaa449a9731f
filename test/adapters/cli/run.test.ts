// How `run` and `sidecar` read their flags, and what they refuse before anything is asked or started. Whole processes are in test/e2e/local.

import { describe, expect, it } from 'vitest';
import { readOrder } from '../../../src/adapters/cli/local-order.ts';
import { environmentFor, googleFile } from '../../../src/adapters/cli/run-environment.ts';
import { runProgram } from '../../support/program.ts';

describe('the flags of the local helper', () => {
  it('name targets, and what is said of them behind the first equals sign', () => {
    const azure = ['vault', 'graph=https://graph.microsoft.com/?a=b'];
    const flags = { aws: ['role'], gcp: 'lake=lake@example-data.iam.gserviceaccount.com', project: 'data=42', azure };
    expect(readOrder({ ...flags, port: '9911' })).toEqual({
      aws: ['role'],
      google: {
        target: 'lake',
        email: 'lake@example-data.iam.gserviceaccount.com',
        project: { id: 'data', number: '42' },
      },
      azure: [
        { target: 'vault', resource: undefined },
        { target: 'graph', resource: 'https://graph.microsoft.com/?a=b' },
      ],
      port: 9_911,
    });
  });

  it.each([
    ['no target', ['run'], 'what for: --aws, --gcp or --azure names a target'],
    ['two roles', ['run', '--aws', 'a', '--aws', 'b'], '--aws stands once: a program has one role'],
    ['one target twice', ['run', '--azure', 'a=x', '--azure', 'a=y'], 'a is named twice'],
    ['a project of nobody', ['run', '--aws', 'a', '--project', 'p'], '--project is for --gcp'],
    ['no name', ['run', '--gcp', '=x'], '=x names no target'],
    ['a port that is none', ['run', '--aws', 'a', '--port', '70000'], '--port must be a number up to 65535'],
    [
      'a sidecar whose secret nobody learns',
      ['sidecar', '--aws', 'a'],
      '--variables or --token-file: without one nobody learns the secret that AWS and Azure want to see',
    ],
    ['a token of nobody', ['sidecar', '--gcp', 'a', '--token-file', 'x'], '--token-file is for --aws'],
  ])('that cannot be meant end it with exit 2: %s', async (_title, line, sentence) => {
    const command = line[0] === 'run' ? ['--', 'true'] : [];
    expect(await runProgram([...line, ...command])).toEqual({ exits: [2], out: [], err: [sentence] });
  });

  it('need a program behind them', async () => {
    expect(await runProgram(['run', '--aws', 'a'])).toMatchObject({
      exits: [2],
      err: ["error: missing required argument 'command'"],
    });
  });
});

describe('the environment of a program', () => {
  const order = { aws: [], google: undefined, azure: [], port: 0 };
  const google = { target: 'lake', email: undefined, project: { id: undefined, number: undefined } };
  const own = {
    PATH: '/bin',
    AWS_ACCESS_KEY_ID: 'a',
    GOOGLE_APPLICATION_CREDENTIALS: 'b',
    NO_GCE_CHECK: 'true',
    AZURE_CLIENT_ID: 'c',
    AZURE_TOKEN_CREDENTIALS: 'dev',
    EMPTY: undefined,
  };

  it.each([
    ['aws', { ...order, aws: ['role'] }, ['AWS_ACCESS_KEY_ID']],
    ['google', { ...order, google }, ['GOOGLE_APPLICATION_CREDENTIALS', 'NO_GCE_CHECK']],
    [
      'azure',
      { ...order, azure: [{ target: 'v', resource: undefined }] },
      ['AZURE_CLIENT_ID', 'AZURE_TOKEN_CREDENTIALS'],
    ],
  ])('has nothing that would win where %s is served, and the rest as it was', (_cloud, served, removed) => {
    const { env, says } = environmentFor(own, served, { SAID: 'x' });
    const kept = Object.keys(own).filter((name) => name !== 'EMPTY' && !removed.includes(name));
    expect(Object.keys(env).filter((name) => !/^AWS_(SHARED|CONFIG)/.test(name))).toEqual([...kept, 'SAID']);
    expect(says).toEqual([`the program does not get ${removed.join(', ')}: they would win`]);
  });

  it.each([
    [{}, {}],
    [{ HTTPS_PROXY: 'http://p' }, {}],
    [{ http_proxy: 'http://p' }, { no_proxy: '127.0.0.1', NO_PROXY: '127.0.0.1' }],
    [
      { ALL_PROXY: 'x', no_proxy: 'a,b', NO_PROXY: 'c' },
      { no_proxy: 'a,b,127.0.0.1', NO_PROXY: 'a,b,127.0.0.1' },
    ],
  ])('keeps secrets for loopback from a proxy: %o', (proxies, more) => {
    expect(environmentFor(proxies, { ...order, google }, {}).env).toEqual({ ...proxies, ...more });
  });

  it('is not made where a file of gcloud would win over the metadata server', async () => {
    const only = (path: string) => (one: string) => one === path;
    const usual = '/home/a/.config/gcloud/application_default_credentials.json';
    expect(googleFile({ HOME: '/home/a' }, only(usual))).toBe(usual);
    expect(googleFile({ HOME: '/home/a', CLOUDSDK_CONFIG: '/x' }, only(usual))).toBeUndefined();
    const other = '/x/application_default_credentials.json';
    expect(googleFile({ HOME: '/home/a', CLOUDSDK_CONFIG: '/x' }, only(other))).toBe(other);
    expect(googleFile({}, () => true)).toBeUndefined();
  });
});
