// A program that asks a Google API for something, with google-auth-library as it is and nothing but application default credentials: run as a
// child process, since what it trusts and where its credentials stand are settings of its environment. Prints one line of JSON.

import { GoogleAuth } from 'google-auth-library';

const [url = '', ...scopes] = process.argv.slice(2);
try {
  const auth = new GoogleAuth(scopes.length > 0 ? { scopes } : {});
  const { status, data } = await (await auth.getClient()).request({ url });
  process.stdout.write(JSON.stringify({ status, data }));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
}
