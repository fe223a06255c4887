//! Routing as API Gateway's HTTP APIs do it: a full match first, then one with variables, then `$default`.

use std::collections::HashMap;

use coaching_edge::Operation;
use percent_encoding::percent_decode_str;

use crate::operations::OPERATIONS;

/// One route of the API.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name in API Gateway, such as `GET /v1/things/{thing}`, or `$default`.
    pub key: String,
    /// The operation that answers it.
    pub operation: &'static Operation,
    method: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Variable(String),
}

/// Every route of the API.
#[derive(Debug)]
pub struct Routes {
    routes: Vec<Route>,
    default: Route,
}

impl Routes {
    /// The routes of the operations.
    ///
    /// # Errors
    /// One line, if no operation takes the requests without a route.
    pub fn of_operations() -> Result<Self, String> {
        let mut routes = Vec::new();
        let mut default = None;
        for operation in OPERATIONS {
            match operation.route {
                Some(route) => routes.push(Route::new(route.method, route.path, operation)),
                None => {
                    default = Some(Route {
                        key: "$default".to_owned(),
                        operation,
                        method: String::new(),
                        segments: Vec::new(),
                    });
                }
            }
        }
        let default = default.ok_or("there is no operation for what no route takes")?;
        Ok(Self { routes, default })
    }

    /// Every route with a method and a path.
    pub fn all(&self) -> &[Route] {
        &self.routes
    }

    /// The route for `method` and the percent-encoded `path`, and the values of its variables. API Gateway decodes a
    /// path before it looks for the route, as grpc-gateway does: `%2F` is a slash.
    pub fn find(&self, method: &str, path: &str) -> (&Route, HashMap<String, String>) {
        let path = &percent_decode_str(path).decode_utf8_lossy();
        let matches = self.routes.iter().filter(|route| route.method == method);
        let matches = matches.filter_map(|route| route.variables(path).map(|variables| (route, variables)));
        matches.min_by_key(|(_, variables)| variables.len()).unwrap_or((&self.default, HashMap::new()))
    }
}

impl Route {
    fn new(method: &str, path: &str, operation: &'static Operation) -> Self {
        let segment = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(variable) => Segment::Variable(variable.to_owned()),
            None => Segment::Text(text.to_owned()),
        };
        Self {
            key: format!("{method} {path}"),
            operation,
            method: method.to_owned(),
            segments: path.split('/').map(segment).collect(),
        }
    }

    fn variables(&self, path: &str) -> Option<HashMap<String, String>> {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.len() != self.segments.len() {
            return None;
        }
        let mut variables = HashMap::new();
        for (segment, part) in self.segments.iter().zip(parts) {
            match segment {
                Segment::Text(text) if text == part => {}
                Segment::Variable(name) if !part.is_empty() => {
                    variables.insert(name.clone(), part.to_owned());
                }
                _ => return None,
            }
        }
        Some(variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[(&str, &str)]) -> Routes {
        let operation = OPERATIONS[0];
        Routes {
            routes: paths.iter().map(|(method, path)| Route::new(method, path, operation)).collect(),
            default: Route { key: "$default".to_owned(), operation, method: String::new(), segments: Vec::new() },
        }
    }

    #[test]
    fn a_full_match_comes_before_a_variable_and_the_rest_goes_to_default() {
        let routes = routes(&[("GET", "/v1/{thing}"), ("GET", "/v1/things:list"), ("POST", "/v1/{thing}/parts")]);
        for (method, path, key) in [
            ("GET", "/v1/things:list", "GET /v1/things:list"),
            ("GET", "/v1/things%3Alist", "GET /v1/things:list"),
            ("GET", "/v1/other", "GET /v1/{thing}"),
            ("POST", "/v1/other/parts", "POST /v1/{thing}/parts"),
            ("POST", "/v1/other", "$default"),
            ("GET", "/v1/", "$default"),
            ("GET", "/v1/other/", "$default"),
            ("GET", "/", "$default"),
        ] {
            assert_eq!(routes.find(method, path).0.key, key, "{method} {path}");
        }
    }

    #[test]
    fn a_path_is_decoded_before_it_is_split() {
        let routes = routes(&[("GET", "/v1/{thing}"), ("GET", "/v1/{thing}/parts/{part}")]);
        assert_eq!(routes.find("GET", "/v1/a%23c%3F").1["thing"], "a#c?");
        for path in ["/v1/a/parts/b", "/v1/a%2Fparts/b", "/v1/a%2fparts%2Fb", "/v1%2Fa%2Fparts%2Fb"] {
            let (route, variables) = routes.find("GET", path);
            assert_eq!(route.key, "GET /v1/{thing}/parts/{part}", "{path}");
            assert_eq!((&*variables["thing"], &*variables["part"]), ("a", "b"), "{path}");
        }
        assert_eq!(routes.find("GET", "/v1/a%252Fb").1["thing"], "a%2Fb", "decoded once");
        for path in ["/v1/a%2Fb", "/v1/a%2Fparts%2F", "/v1/%2F", "/v1/a%2F%2Fb"] {
            assert_eq!(routes.find("GET", path).0.key, "$default", "{path}");
        }
    }
}
