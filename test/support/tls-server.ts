// A loopback HTTPS server for tests of what reaches outward, with a certificate of its own and a count of requests.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { mintServerCertificate, type ServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';

export interface TlsServer extends AsyncDisposable {
  readonly ca: string;
  readonly port: number;
  /** Its address under `localhost`. */
  readonly url: string;
  /** The requests it has seen, headers included. */
  readonly seen: IncomingMessage[];
  /** The answer to each of them. */
  readonly responses: ServerResponse[];
  readonly server: https.Server;
}

/** Listens on 127.0.0.1 and answers with `answer`. */
export async function openTlsServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  options: { readonly certificate?: ServerCertificate; readonly askClient?: boolean } = {},
): Promise<TlsServer> {
  const certificate = options.certificate ?? (await mintServerCertificate(['localhost', 'keys.example', '127.0.0.1']));
  const seen: IncomingMessage[] = [];
  const responses: ServerResponse[] = [];
  const client = options.askClient ? { requestCert: true, rejectUnauthorized: false } : {};
  const server = https.createServer(
    { cert: certificate.cert, key: certificate.key, ...client },
    (request, response) => {
      seen.push(request);
      responses.push(response);
      response.on('error', () => undefined);
      answer(request, response);
    },
  );
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ca: certificate.ca,
    port,
    url: `https://localhost:${port}/`,
    seen,
    responses,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
