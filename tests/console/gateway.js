// In API Gateway's place: the console's function answers for files, and each request of the API goes on to the service on
// one machine, with the token there of the person whom the issuer's token names.

import { signInAddress, url } from './browser.js';
import { bodyOf, Function, listen } from './function.js';

export class Gateway {
  /** Whether access tokens are refused, as when the issuer has taken them back. */
  isClosed = false;
  #tokens = new Map();

  /** `personOf` verifies an access token, and answers whose it is. */
  static async start(personOf) {
    const gateway = new Gateway();
    const { server, address } = await listen((request, response) =>
      gateway.#answer(request, response, personOf).catch((error) => response.writeHead(502).end(String(error))),
    );
    gateway.server = server;
    gateway.address = `http://${address}/`;
    return gateway;
  }

  /** Serves files by the function with the variables `environment`. */
  async serve(environment) {
    this.files = await Function.start('target/debug/console', environment);
  }

  async #answer(request, response, personOf) {
    if (!request.url.startsWith('/v1/')) return this.files.answer(request, response);
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const person = await personOf(token).catch(() => null);
    if (!person || this.isClosed) {
      return response.writeHead(401, { 'content-type': 'application/json' }).end('{"message":"Unauthorized"}');
    }
    const body = await bodyOf(request);
    const answer = await fetch(url + request.url, {
      method: request.method,
      headers: { authorization: `Bearer ${await this.#tokenOf(person)}`, 'content-type': 'application/json' },
      ...(body.length ? { body } : {}),
    });
    return response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  }

  /** The token of `person` on the service of one machine. */
  async #tokenOf(person) {
    if (!this.#tokens.has(person)) {
      const token = (await signInAddress(person)).split('#token=')[1];
      const headers = { authorization: `Bearer ${token}`, origin: url };
      const response = await fetch(`${url}/console/people`, { method: 'POST', headers });
      this.#tokens.set(person, (await response.json()).token);
    }
    return this.#tokens.get(person);
  }

  end() {
    this.files?.end();
    this.server.closeAllConnections();
    this.server.close();
  }
}
