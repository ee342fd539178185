use std::collections::BTreeMap;

use crate::{
    config::{Address, HeaderText, Ready, Scenario, Secret, Service, StopSignal},
    plan::{Plan, compile, experiments_differ_in, fixture, graph, render, unsafe_in},
};

fn text(text: &str) -> HeaderText {
    HeaderText::Text(text.to_owned())
}

fn service(command: &str, args: &[&str]) -> Service {
    Service {
        command: command.to_owned(),
        args: args.iter().map(|arg| text(arg)).collect(),
        environment: BTreeMap::new(),
        folder: "models".to_owned(),
        ready: None,
        ready_within: fixture::seconds(120),
        stop: StopSignal::Terminate,
        stop_within: fixture::seconds(10),
    }
}

/// Two endpoints that one service serves, and another service beside it.
fn served() -> Scenario {
    let mut scenario = fixture::mixed();
    let server = service("llama-server", &["-m", "my model.gguf"]);
    let gateway = Service { ready: Some(Ready::Output("up".to_owned())), ..service("./gateway", &[]) };
    scenario.services = fixture::named([("server", server), ("gateway", gateway)]);
    for (endpoint, url) in [("thinker", "http://localhost:8080/v1"), ("flash", "https://[::1]/v1")] {
        scenario.endpoints[endpoint].url = Address::Url(url.to_owned());
        scenario.endpoints[endpoint].service = Some("server".to_owned());
    }
    scenario
}

fn plan(change: impl FnOnce(&mut Scenario)) -> Plan {
    let mut scenario = served();
    change(&mut scenario);
    compile(&scenario)
}

#[test]
fn a_service_is_ready_when_the_ports_of_its_endpoints_are_open() {
    let plan = plan(|_| {});
    let [server, gateway] = plan.services.as_slice() else { panic!("two services") };
    let places = vec!["[::1]:443".to_owned(), "localhost:8080".to_owned()];
    assert_eq!(server.ready, Ready::Tcp(places.clone()));
    assert_eq!(plan.places_of(server), places);
    assert_eq!(gateway.ready, Ready::Output("up".to_owned()));
    assert_eq!(plan.places_of(gateway), Vec::<String>::new());
    let of =
        |endpoint: usize| plan.service_of(&plan.endpoints[endpoint]).map(|service| service.name.as_str());
    assert_eq!((of(0), of(1)), (Some("server"), Some("server")));
    assert_eq!(Plan::from_json(&plan.to_json()).expect("a plan"), plan);
}

#[test]
fn what_is_asked_whether_a_service_is_ready_is_no_public_host() {
    let asks = |ready: Ready| {
        let mut plan = plan(|_| {});
        plan.services[1].ready = ready;
        unsafe_in(&plan).into_iter().map(|finding| finding.message).collect::<Vec<_>>()
    };
    for (ready, key) in [
        (Ready::Http("https://api.example.com/health".to_owned()), "http"),
        (Ready::Tcp(vec!["127.0.0.1:80".to_owned(), "api.example.com:443".to_owned()]), "tcp"),
    ] {
        let message = format!(
            "`services.gateway.ready.{key}` leads to the public host `api.example.com`, which nobody allowed"
        );
        assert_eq!(asks(ready), [message]);
    }
    assert!(asks(Ready::Http("http://[::1]:8080/health".to_owned())).is_empty());
    assert!(asks(Ready::Output("api.example.com".to_owned())).is_empty());
}

#[test]
fn a_port_that_cannot_be_read_is_not_another_one() {
    let mut plan = plan(|_| {});
    for (url, places) in [
        ("http://127.0.0.1/health", &["127.0.0.1:80"][..]),
        ("http://127.0.0.1:8080/health", &["127.0.0.1:8080"]),
        ("http://127.0.0.1:99999/health", &[]),
    ] {
        plan.services[1].ready = Ready::Http(url.to_owned());
        assert_eq!(plan.places_of(&plan.services[1]), places, "{url}");
    }
}

#[test]
fn a_plan_says_what_it_starts() {
    let shown = render::text(&plan(|scenario| {
        let server = &mut scenario.services["server"];
        server.environment.insert("PORT".to_owned(), text("8080"));
        server.environment.insert("HF_TOKEN".to_owned(), HeaderText::Secret(Secret::Env("TOKEN".to_owned())));
        server.args.push(HeaderText::Secret(Secret::File("a key.txt".to_owned())));
        server.args.push(text(""));
    }));
    let lines: Vec<&str> =
        shown.lines().filter_map(|line| line.trim_start().strip_prefix("service ")).map(str::trim).collect();
    let server = "server: HF_TOKEN=\"$TOKEN\" PORT=8080 llama-server -m 'my model.gguf' \"$(cat 'a key.txt')\" '' \
                  (ready when [::1]:443, localhost:8080 are open, within 2m)";
    assert_eq!(lines, [server, "gateway: ./gateway (ready when it says `up`, within 2m)"]);
}

#[test]
fn another_command_line_is_another_experiment() {
    type Change = fn(&mut Service);
    let hash = |change: Change| plan(|scenario| change(&mut scenario.services["server"])).experiment;
    let own = hash(|_| {});
    let others: [Change; 4] = [
        |service| service.command.push('2'),
        |service| service.args.push(text("--verbose")),
        |service| _ = service.environment.insert("THREADS".to_owned(), text("4")),
        |service| {
            let secret = HeaderText::Secret(Secret::Env("A".to_owned()));
            service.environment.insert("KEY".to_owned(), secret);
        },
    ];
    for (index, other) in others.into_iter().enumerate() {
        assert_ne!(hash(other), own, "{index}");
    }
    let same: [Change; 4] = [
        |service| service.folder = "elsewhere".to_owned(),
        |service| service.ready = Some(Ready::Http("http://localhost/health".to_owned())),
        |service| service.ready_within = fixture::seconds(1),
        |service| service.stop = StopSignal::Interrupt,
    ];
    for (index, other) in same.into_iter().enumerate() {
        assert_eq!(hash(other), own, "{index}");
    }
    let [before, after] =
        ["4", "16"].map(|n| plan(|scenario| scenario.services["server"].args.push(text(n))));
    let args = |n: &str| Some(format!("[\"-m\",\"my model.gguf\",\"{n}\"]"));
    let differing = experiments_differ_in(&before, &after);
    assert_eq!(differing, [("services.server.args".to_owned(), [args("4"), args("16")])]);
}

#[test]
fn a_service_that_is_not_there_is_no_plan() {
    let mut plan = plan(|_| {});
    plan.endpoints[1].service = Some(2);
    assert_eq!(graph::check(&plan), Err(graph::GraphError::Service(1)));
}
