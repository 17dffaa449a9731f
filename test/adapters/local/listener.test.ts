// Who the local helper's listener serves: programs of this machine, by one GET at a time. Pages whose name was made to mean 127.0.0.1, browsers,
// proxies, and whatever is no request are refused before any endpoint sees them.

import { describe, expect, it } from 'vitest';
import { away, awsAnswer, NOW } from '../../support/local-broker.ts';
import { sendRaw } from '../../support/local-client.ts';
import { ORDER, openHelper, TOKEN_PATH as TOKEN, VAULT_QUERY } from '../../support/local-helper.ts';

const AWAY = 'https://sts.example/token: network (ECONNREFUSED)';

describe('the listener', () => {
  it.each([
    ['a name that was made to mean 127.0.0.1', { host: 'rebind.example' }],
    ['localhost', (own: string) => ({ host: own.replace('127.0.0.1', 'localhost') })],
    ['another port', { host: '127.0.0.1:1' }],
    ['no port', { host: '127.0.0.1' }],
    ['metadata.google.internal', { host: 'metadata.google.internal' }],
  ])('A-178 serves nobody whose Host is %s', async (_title, headers) => {
    await using helper = await openHelper();
    const sent = typeof headers === 'function' ? headers(`127.0.0.1:${helper.port}`) : headers;
    for (const answer of [
      await helper.google(TOKEN, sent),
      await helper.aws(undefined, sent),
      await helper.azure(VAULT_QUERY, sent),
    ])
      expect([answer.status, answer.text]).toEqual([
        403,
        `only 127.0.0.1:${helper.port} is served here: the Host says otherwise\n`,
      ]);
  });

  it.each(['origin', 'referer', 'sec-fetch-site', 'sec-fetch-dest', 'sec-fetch-user'])(
    'serves no browser: %s',
    async (name) => {
      await using helper = await openHelper();
      for (const answer of [
        await helper.google(TOKEN, { [name]: 'x' }),
        await helper.aws(undefined, { [name]: 'x' }),
      ]) {
        expect([answer.status, answer.text]).toEqual([403, `browsers are not served here (${name})\n`]);
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
      }
      // What Node's own fetch sends.
      expect((await helper.google(TOKEN, { 'sec-fetch-mode': 'cors' })).status).toBe(200);
    },
  );

  it.each(['x-forwarded-for', 'forwarded', 'via', 'x-forwarded-host'])(
    'serves nobody by way of another: %s',
    async (name) => {
      await using helper = await openHelper();
      expect(await helper.google(TOKEN, { [name]: '127.0.0.1' })).toMatchObject({
        status: 403,
        text: `requests that somebody passes on are not served here (${name})\n`,
      });
    },
  );

  it('takes GETs without a body alone, of a bounded length', async () => {
    await using helper = await openHelper();
    const headers = { 'metadata-flavor': 'Google' };
    for (const method of ['POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'])
      expect(await helper.call(TOKEN, { method, headers })).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    const body = await helper.call(TOKEN, { headers: { ...headers, 'content-length': 4 }, body: 'body' });
    expect(body).toMatchObject({ status: 400, text: 'a request here has no body\n', headers: { connection: 'close' } });
    expect(await helper.call(`${TOKEN}?${'x'.repeat(4_096)}`, { headers })).toMatchObject({ status: 414 });
    expect(await helper.call(TOKEN, { headers: { ...headers, x: 'y'.repeat(9_000) } })).toMatchObject({ status: 431 });
    expect((await helper.google(TOKEN)).status).toBe(200);
  });

  it('A-175 proxies nothing, and reads one request of what is no request', async () => {
    await using helper = await openHelper();
    const host = `Host: 127.0.0.1:${helper.port}\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n`;
    expect(await sendRaw(helper.port, `GET http://other.example/ HTTP/1.1\r\n${host}`)).toMatch(
      /^HTTP\/1.1 400 .*nothing is proxied here\n$/s,
    );
    expect(await sendRaw(helper.port, `CONNECT other.example:443 HTTP/1.1\r\n${host}`)).toBe('');
    expect(await sendRaw(helper.port, `GET ${TOKEN} HTTP/1.1\r\nHost: rebind.example\r\n${host}`)).toMatch(
      /^HTTP\/1.1 40[03] /,
    );
    expect(await sendRaw(helper.port, `GET ${TOKEN} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
    expect(await sendRaw(helper.port, 'GET\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    const smuggled = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${helper.port}\r\nMetadata-Flavor: Google\r\nContent-Length: 9\r\n\r\nGET ${TOKEN} HTTP/1.1\r\n${host}`;
    expect(await sendRaw(helper.port, smuggled)).not.toContain('canary');
    expect(await sendRaw(helper.port, `GET ${TOKEN} HTTP/1.1\r\n${host}`)).toContain('ya29.canary');
  });

  it('tells a probe whether there is a credential of every target, and no more', async () => {
    await using helper = await openHelper();
    expect(await helper.call('/healthz')).toMatchObject({ status: 503, text: '1 of 4 have no credentials\n' });
    helper.answers.admin = awsAnswer(NOW + 1_800);
    await helper.time.pass(5);
    expect(await helper.call('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect(helper.said).toEqual(['admin: there are credentials again']);
    expect((await helper.call('/')).status).toBe(403);
    expect((await helper.call('/nothing')).status).toBe(404);
  });

  it('serves only the clouds that were asked for', async () => {
    await using helper = await openHelper({ order: { aws: [], google: ORDER.google, azure: [] } });
    expect(Object.keys(helper.variables)).toEqual(['GCE_METADATA_HOST', 'GCE_METADATA_IP', 'GCE_METADATA_ROOT']);
    expect([(await helper.aws()).status, (await helper.azure(VAULT_QUERY)).status]).toEqual([404, 404]);
  });

  it('A-170 makes new secrets of 256 bits each time, and says none of what it holds', async () => {
    await using helper = await openHelper();
    const secretsOf = ({ variables }: typeof helper) => [
      variables.AWS_CONTAINER_AUTHORIZATION_TOKEN ?? '',
      variables.IDENTITY_HEADER ?? '',
    ];
    expect(secretsOf(helper).map((secret) => Buffer.from(secret, 'base64url').length)).toEqual([32, 32]);
    await using other = await openHelper();
    expect(new Set([...secretsOf(helper), ...secretsOf(other)]).size).toBe(4);
    helper.answers.role = away;
    await helper.time.pass(3_600);
    expect(helper.said).toEqual([
      `role: the last credentials are served, no others could be had: ${AWAY}`,
      `role: no credentials could be had: ${AWAY}`,
    ]);
  });
});
