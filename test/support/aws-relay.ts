// A loopback address in front of a broker, without TLS: for clients that trust no authority of ours, and take plain HTTP from loopback. Every request
// goes on as it came, and is counted.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { TestBroker } from './broker.ts';

export interface Relay extends AsyncDisposable {
  readonly port: number;
  readonly relayed: { readonly method: string; readonly url: string }[];
}

export async function openRelay(broker: TestBroker): Promise<Relay> {
  const relayed: Relay['relayed'] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    relayed.push({ method, url });
    const { host: _, connection: __, ...sent } = headers;
    const {
      status,
      headers: answered,
      text,
    } = await broker.call({ method, path: url, headers: sent }, await bodyOf(request));
    response.writeHead(status, { 'content-type': String(answered['content-type']) }).end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    relayed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
