// Calls a stand-in for a cloud as its clients do, over TLS: one question, and the JSON of its answer.

import { request } from 'node:https';

export interface CalledBody {
  readonly type: string;
  readonly text: string;
}

export interface Called {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Without a body a GET. */
export const callOf =
  (cloud: () => { readonly port: number; readonly ca: string }) =>
  (path: string, body?: CalledBody, bearer?: string): Promise<Called> =>
    new Promise((resolve, reject) => {
      const { port, ca } = cloud();
      const headers = {
        ...(body ? { 'content-type': body.type } : {}),
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      };
      const asked = request({ host: 'localhost', port, ca, path, method: body ? 'POST' : 'GET', headers }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += String(chunk);
        });
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }));
      });
      asked.on('error', reject);
      asked.end(body?.text);
    });

export const formOf = (members: Readonly<Record<string, string>>): CalledBody => ({
  type: 'application/x-www-form-urlencoded',
  text: new URLSearchParams(members).toString(),
});
