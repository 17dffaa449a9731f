// The part of the demo about an MCP gateway: it holds a person's token and an agent's, and gets tokens that name both, each for one MCP
// server. What is left out, taken elsewhere, stolen, or asked for without the person is refused; a blocked agent is stopped everywhere.

import type { JSONWebKeySet } from 'jose';
import type { DemoBroker } from './broker.ts';
import { createDpopKey } from './dpop.ts';
import { equal, granted, refused, verified } from './expected.ts';
import { openMcpServer } from './mcp-server.ts';
import { ASSISTANT, agentSvid, BOOKS, callTool, logIn, logInAnew, openParty, type Party, REPORTS } from './parties.ts';
import { begin, command, explain, say, show } from './say.ts';

/** What every scene here needs. */
interface Stage {
  readonly broker: DemoBroker;
  readonly keys: JSONWebKeySet;
  readonly gateway: Party;
  /** The client that the MCP server is. */
  readonly books: Party;
  /** Where the MCP server listens, and another one of another address. */
  readonly urls: { readonly books: string; readonly calendar: string };
}

/** Shows the gateway from a first call to a blocked agent; the block is lifted again. */
export async function showGateway(broker: DemoBroker, keys: JSONWebKeySet): Promise<void> {
  const trust = { issuer: broker.issuer, keys };
  const booksServer = await openMcpServer({ ...trust, resource: BOOKS });
  const calendarServer = await openMcpServer({ ...trust, resource: 'https://calendar.example/mcp' });
  const [gateway, books] = [await openParty(broker, 'mcp-gateway'), await openParty(broker, 'books')];
  const urls = { books: booksServer.url, calendar: calendarServer.url };
  const stage: Stage = { broker, keys, gateway, books, urls };
  try {
    const token = await showFirstCall(stage);
    await showOmission(stage);
    await showElsewhere(stage, token);
    await showStolen(stage);
    await showStepUp(stage, token);
    await showBlock(stage, token);
  } finally {
    for (const open of [gateway, books, booksServer, calendarServer]) open.close();
  }
}

async function showFirstCall({ broker, keys, gateway, urls }: Stage): Promise<string> {
  begin(
    'An agent reads the books for alice',
    'The gateway shows its SVID (mutual TLS) and presents two tokens: hers, from her login, and the JWT-SVID of the agent.',
  );
  say(`  asks for a token for one MCP server:  POST ${broker.issuer}/token`);
  show('subject_token', 'alice, of https://login.example, for https://mcp.example');
  show('actor_token', ASSISTANT);
  show('resource', BOOKS);
  const issued = granted(await gateway.exchange(await bothFor(broker)));
  const claims = await verified(issued, broker.issuer, keys);
  say('  200: a token about her, which names who acts');
  for (const claim of ['sub', 'act', 'client_id', 'aud', 'scope', 'auth_time', 'origin']) show(claim, claims[claim]);
  const said = await callTool(urls.books, issued, 'read_postings');
  equal(said, 'three postings, for people:alice <- agents/assistant');
  say('  the MCP server, which has the unmodified SDK and our public keys, answers its tool');
  show('read_postings', said);
  return issued;
}

async function showOmission({ broker, gateway }: Stage): Promise<void> {
  begin(
    'The agent leaves its own token out',
    'That would be a clean token, as if alice had come herself. There is no rule without the agent, so there is none.',
  );
  const { subject, resource } = await bothFor(broker);
  explain(broker, refused(await gateway.exchange({ subject, resource }), 'invalid_request'));
}

async function showElsewhere({ urls }: Stage, token: string): Promise<void> {
  begin(
    'The same token at another MCP server',
    'It is for one audience. The other server has the same SDK, trusts the same broker, and has another address.',
  );
  const said = await callTool(urls.calendar, token, 'read_postings');
  equal(said, '401 {"error":"invalid_token","error_description":"Token was not issued for this resource"}');
  show('answer', said);
}

async function showStolen({ broker, keys, gateway, books }: Stage): Promise<void> {
  begin(
    'A token that only one key can use',
    'The gateway proves a key of its own by DPoP, with the nonce that the broker wants. Whoever copies the token lacks the key.',
  );
  const key = await createDpopKey();
  const htu = `${broker.issuer}/token`;
  const both = await bothFor(broker);
  const wanted = await gateway.exchange({ ...both, dpop: await key.proof(htu, 'none yet') });
  refused(wanted, 'use_dpop_nonce');
  const proof = await key.proof(htu, String(wanted.headers['dpop-nonce']));
  const answer = await gateway.exchange({ ...both, dpop: proof });
  const issued = granted(answer);
  const { cnf } = await verified(issued, broker.issuer, keys);
  equal(JSON.stringify([answer.body.token_type, cnf]), JSON.stringify(['DPoP', { jkt: key.jkt }]));
  show('token_type', answer.body.token_type);
  show('cnf', cnf);
  say('  the token is exchanged further, by a client that may, but without a proof of that key');
  explain(broker, refused(await books.exchange({ subject: issued, resource: REPORTS }), 'invalid_request'));
}

async function showStepUp({ broker, gateway, urls }: Stage, token: string): Promise<void> {
  begin(
    'Writing needs alice herself',
    'She logged in with a password an hour ago; postings:write wants a second factor within ten minutes (confirm).',
  );
  const without = await callTool(urls.books, token, 'write_posting');
  equal(without, 'Insufficient scope: required "postings:write"');
  show('write_posting', without);
  const both = await bothFor(broker);
  const scope = 'postings:write';
  const asked = refused(await gateway.exchange({ ...both, scope }), 'insufficient_user_authentication');
  say(`  ${asked.status}: what the gateway is told, and whom it asks`);
  for (const member of ['error', 'acr_values', 'max_age']) show(member, asked.body[member]);
  say('  alice logs in anew, with a second factor; nothing else is different');
  const issued = granted(await gateway.exchange({ ...both, scope, subject: await logInAnew(broker) }));
  const said = await callTool(urls.books, issued, 'write_posting');
  equal(said, 'posted, for people:alice <- agents/assistant');
  show('write_posting', said);
}

async function showBlock({ broker, gateway, books }: Stage, token: string): Promise<void> {
  const both = await bothFor(broker);
  begin('The agent is blocked', 'It misbehaves; one command stops it, in whatever role and in every chain.');
  granted(await books.exchange({ subject: token, resource: REPORTS }));
  equal((await books.introspect(token)).body.active, true);
  command(broker, 'block', ASSISTANT, '--why', 'posts nonsense');
  say('  it gets nothing any more');
  explain(broker, refused(await gateway.exchange(both), 'invalid_request'));
  refused(await books.exchange({ subject: token, resource: REPORTS }), 'invalid_request');
  say('  what it had is exchanged no further, and the MCP server that asks (POST /introspect) hears');
  const { body } = await books.introspect(token);
  equal(JSON.stringify(body), '{"active":false}');
  show('answer', body);
  command(broker, 'unblock', ASSISTANT);
  granted(await gateway.exchange(both));
}

const bothFor = async (broker: DemoBroker) => ({
  subject: await logIn(broker),
  actor: await agentSvid(broker),
  resource: BOOKS,
});
