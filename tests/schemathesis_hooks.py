"""What the document says in words and schemas cannot: told to schemathesis before it reads the document."""

import schemathesis

# The customer and the profile of the token, and records of the demo data. Requests that name others are refused,
# and most of what follows from a request that is taken would not be tried.
ID = r"(?!\.{1,2}(?:[/@]|$))[A-Za-z0-9._~@-]{1,128}"
KNOWN = {
    "^[a-z0-9-]{1,128}$": "^acme$",
    "customers/[a-z0-9-]{1,128}": "customers/acme",
    f"/profiles/{ID}": "/profiles/support",
    f"/users/{ID.replace('~@-', '~@|+=-')}": "/users/(?:chloe|maria)",
    f"/usecases/{ID}": "/usecases/care",
    f"/coachingPlans/{ID}": "/coachingPlans/(?:chloe-plan|[a-z]{8})",
    f"/scorecards/{ID}": "/scorecards/(?:chloe-0[0-4]|[a-z]{8})",
    f"/scorecardTemplates/{ID.replace('~@-', '~-')}": "/scorecardTemplates/(?:quality|[a-z]{8})",
    # What is done is not done in the future.
    "^[0-9]{4}-": "^20(?:1[0-9]|2[0-5])-",
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                if not parameter["required"]:
                    schema = parameter["schema"]
                    parameter["schema"] = schema = _or_empty(schema)
                    if "items" in schema:
                        schema["items"] = _or_empty(schema["items"])
    for name, schema in raw_schema["components"]["schemas"].items():
        if name.endswith("Request"):
            _empty_is_absent(schema)
    _known(raw_schema)


def _empty_is_absent(schema):
    """An empty text is the same as absence, whatever the type: no schema reads well that says it everywhere."""
    for alternative in schema.get("anyOf", []):
        _empty_is_absent(alternative)
    if "items" in schema:
        _empty_is_absent(schema["items"])
    for name, field in schema.get("properties", {}).items():
        _empty_is_absent(field)
        if name not in schema.get("required", []):
            schema["properties"][name] = field if _is_plain_text(field) else _or(field)


def _or_empty(schema):
    """A parameter is text anyway; next to a pattern, a format or names an empty one must be said."""
    kinds = _kinds(schema)
    is_text = "string" in kinds and "integer" not in kinds and "number" not in kinds
    if "anyOf" in schema or (is_text and not _is_plain_text(schema)):
        return _or(schema)
    return schema


def _or(schema):
    empty = {"type": "string", "maxLength": 0}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], empty]}
    return {"anyOf": [schema, empty]}


def _is_plain_text(schema):
    narrowed = any(keyword in schema for keyword in ("pattern", "format", "enum"))
    return "string" in _kinds(schema) and not narrowed


def _kinds(schema):
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _known(value):
    """Narrows patterns to what is known."""
    if isinstance(value, list):
        for entry in value:
            _known(entry)
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            for any_of_it, known in KNOWN.items():
                value["pattern"] = value["pattern"].replace(any_of_it, known)
        for entry in value.values():
            _known(entry)
