// Runs a function binary as Lambda does: it asks a Runtime API for events and answers them there.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

/** Listens on a free port of this machine; returns the server and its address. */
export async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, address: `127.0.0.1:${server.address().port}` };
}

/** The whole body of a request. */
export async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

export class Function {
  #events = [];
  #asking = [];
  #answers = new Map();
  #sent = 0;

  /** Starts `binary` with the variables `environment`. */
  static async start(binary, environment) {
    const started = new Function();
    const { server, address } = await listen(async (request, response) => {
      if (request.method === 'GET') return started.#next(response);
      const body = await bodyOf(request);
      const [kind, id] = request.url.split('/').reverse();
      if (kind !== 'response') throw new Error(`${binary}: ${body}`);
      started.#answers.get(id)?.(JSON.parse(body));
      response.writeHead(202).end();
    });
    started.server = server;
    started.process = spawn(binary, {
      env: {
        ...environment,
        AWS_LAMBDA_RUNTIME_API: address,
        AWS_LAMBDA_FUNCTION_NAME: 'function',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return started;
  }

  #next(response) {
    this.#asking.push(response);
    this.#hand();
  }

  #hand() {
    while (this.#asking.length && this.#events.length) {
      const { id, event } = this.#events.shift();
      const headers = {
        'lambda-runtime-aws-request-id': id,
        'lambda-runtime-deadline-ms': String(Date.now() + 30_000),
        'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-1:123456789012:function:function',
        'content-type': 'application/json',
      };
      this.#asking.shift().writeHead(200, headers).end(JSON.stringify(event));
    }
  }

  /** The function's answer to `event`. */
  invoke(event) {
    const id = `invocation-${(this.#sent += 1)}`;
    const answered = new Promise((resolve) => { this.#answers.set(id, resolve); });
    this.#events.push({ id, event });
    this.#hand();
    return answered;
  }

  /** Answers an HTTP request for a file, as API Gateway does. */
  async answer(request, response) {
    const path = decodeURIComponent(request.url.split('?')[0]);
    const event = { version: '2.0', rawPath: path, headers: request.headers, requestContext: { http: { method: 'GET', path } } };
    const { statusCode, headers, body, isBase64Encoded } = await this.invoke(event);
    response.writeHead(statusCode, headers).end(Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'));
  }

  end() {
    this.process.kill();
    this.server.closeAllConnections();
    this.server.close();
  }
}
