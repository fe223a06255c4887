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
}


# What is done is not done in the future. A filter may be.
TIME = "^[0-9]{4}-"
PAST = "^20(?:1[0-9]|2[0-5])-"
FILTERS = ("start", "end")
# A number as a text.
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|[0-9]*\.[0-9]+)([eE][+-]?[0-9]+)?$"
EMPTY = {"type": "string", "maxLength": 0}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document tells the form that clients are to send. What is read besides is taken in here: else it would be tried as
    something that must be refused."""
    schemas = raw_schema["components"]["schemas"]
    of_requests = set()
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                schema = _numbered(parameter["schema"], schemas)
                if not parameter["required"]:
                    schema = _or_empty(schema, schemas)
                    if "items" in schema:
                        schema["items"] = _or_empty(schema["items"], schemas)
                parameter["schema"] = schema
            _collect(operation.get("requestBody", {}), schemas, of_requests)
    for name in of_requests:
        # Answers are told of as they are, so what requests share with them is not changed in place.
        for field, schema in schemas[name].get("properties", {}).items():
            required = field in schemas[name].get("required", [])
            schemas[name]["properties"][field] = _tolerated(schema, required, schemas)
    _known(raw_schema)


def _collect(value, schemas, names):
    """Adds to `names` those of the objects that `value` refers to."""
    if isinstance(value, list):
        for entry in value:
            _collect(entry, schemas, names)
    if isinstance(value, dict):
        if "readOnly" in value:
            return
        name = value.get("$ref", "").removeprefix("#/components/schemas/")
        if name in schemas and "properties" in schemas[name] and name not in names:
            names.add(name)
            _collect(schemas[name], schemas, names)
        for key, entry in value.items():
            if key != "examples":
                _collect(entry, schemas, names)


def _tolerated(schema, required, schemas):
    """A field of a body with all that is read: a number as text, a value of an enumeration as its number, and for absence
    `null` and an empty text, whatever the type."""
    if schema.get("readOnly"):
        return {}
    schema = _numbered(schema, schemas)
    if "items" in schema:
        schema = {**schema, "items": _numbered(schema["items"], schemas)}
    if schema.get("type") in ("integer", "number"):
        schema = {**schema, "type": [schema["type"], "string"], "pattern": NUMBER}
    if required:
        return schema
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}, EMPTY]}


def _numbered(schema, schemas):
    """A value of an enumeration with a name for what is unspecified may be its number."""
    names = schemas.get(schema.get("$ref", "").removeprefix("#/components/schemas/"), {}).get("enum", [""])
    if not names[0].endswith("_UNSPECIFIED"):
        return schema
    return {"anyOf": [schema, {"type": "integer", "minimum": 0, "maximum": len(names) - 1}]}


def _or_empty(schema, schemas):
    """A parameter is text anyway; next to a pattern, a format or names an empty one must be said."""
    narrowed = any(keyword in schema for keyword in ("pattern", "format", "enum")) and schema.get("type") == "string"
    if "anyOf" in schema or "$ref" in schema or narrowed:
        return {"anyOf": [*schema.get("anyOf", [schema]), EMPTY]}
    return schema


def _known(value, name=""):
    """Narrows patterns to what is known; `value` is of the field or parameter `name`."""
    if isinstance(value, list):
        for entry in value:
            _known(entry, name)
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            for any_of_it, known in KNOWN.items():
                value["pattern"] = value["pattern"].replace(any_of_it, known)
            if not name.startswith(FILTERS):
                value["pattern"] = value["pattern"].replace(TIME, PAST)
        for key, entry in value.items():
            _known(entry, name if key == "anyOf" else value.get("name", key) if key == "schema" else key)
